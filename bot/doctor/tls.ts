import { isIP } from "node:net";
import { type PeerCertificate, type TLSSocket, connect } from "node:tls";
import { visible } from "../render/markdown.ts";
import type { Finding } from "./check.ts";

const DAY_MS = 86_400_000;
/** Two weeks: a renewal that should have happened by itself has not, and there is time to look. */
const SOON_MS = 14 * DAY_MS;

const ADVICE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "renew the certificate; no client pulls until then",
  CERT_NOT_YET_VALID: "the certificate begins in the future: look at both clocks",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the certificate is for another name: use that name, or have one issued for this one (a wildcard covers one label)",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "the certificate is self-signed: give clients its issuer (dockerd: /etc/docker/certs.d), and this command NODE_EXTRA_CA_CERTS",
  SELF_SIGNED_CERT_IN_CHAIN:
    "the issuer is not known here: give clients its certificate, and this command NODE_EXTRA_CA_CERTS",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the server sends no intermediate certificate, or its issuer is private: send the whole chain",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "the issuer is not known here: give clients its certificate, and this command NODE_EXTRA_CA_CERTS",
};

/** Looks at a server's certificate as a client would: chain, name, dates. */
export async function checkTls(url: URL, timeoutMs: number): Promise<Finding> {
  try {
    const { certificate, protocol } = await shakeHands(url, timeoutMs);
    const leftMs = Date.parse(certificate.valid_to) - Date.now();
    const days = Math.floor(leftMs / DAY_MS);
    const name = visible(certificate.subjectaltname ?? String(certificate.subject.CN)).slice(
      0,
      160,
    );
    const detail = `${protocol}, certificate for ${name}, ${days} days left`;
    const measured = { protocol, daysLeft: days };
    if (leftMs > SOON_MS) return { status: "ok", detail, measured };
    return {
      status: "warning",
      detail,
      advice: "see why the certificate was not renewed; on the last day every pull stops",
      measured,
    };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const message = visible(error instanceof Error ? error.message : String(error)).slice(0, 160);
    return {
      status: "failed",
      detail: `no trusted connection: ${code === "" ? message : code}`,
      advice: ADVICE[code] ?? "clients refuse it as well: look at the certificate and the port",
    };
  }
}

function shakeHands(
  url: URL,
  timeoutMs: number,
): Promise<{ certificate: PeerCertificate; protocol: string }> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host,
      port: url.port === "" ? 443 : Number(url.port),
      // An address is no name: SNI would be refused.
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const timer = setTimeout(
      () => socket.destroy(new Error(`no TLS handshake in ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    socket.once("close", () => clearTimeout(timer));
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      const certificate = socket.getPeerCertificate();
      resolve({ certificate, protocol: socket.getProtocol() ?? "TLS" });
      socket.destroy();
    });
  });
}
