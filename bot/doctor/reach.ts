import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import type { Finding } from "./check.ts";
import { type ProbeAnswer, type Prober, ProbeError, quoted } from "./probe.ts";
import type { Door, Target } from "./target.ts";

const MAX_BODY = 64 * 1024;

const ADVICE: Readonly<Record<string, string>> = {
  ENOTFOUND:
    "the name is not in the DNS: look at the URL, and at the custom domain in wrangler.toml",
  EAI_AGAIN: "the DNS does not answer here",
  ECONNREFUSED: "nothing listens there: is it running, and is the port right?",
  ECONNRESET: "the server closes the connection: a firewall, or HTTPS where plain HTTP is spoken",
  EHOSTUNREACH: "there is no way to this address from here",
  ENETUNREACH: "there is no way to this address from here",
};

/** Whether the host has an address and takes connections. */
export async function checkReach({ mirror }: Target, timeoutMs: number): Promise<Finding> {
  const url = new URL(mirror.url);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  const start = performance.now();
  try {
    const { address } = await lookup(host);
    const lookupMs = Math.round(performance.now() - start);
    await open(host, { port, timeoutMs });
    const totalMs = Math.round(performance.now() - start);
    return {
      status: "ok",
      detail: `${address} port ${port} takes connections (${totalMs} ms, ${lookupMs} of them for the name)`,
      measured: { totalMs, lookupMs },
    };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const reason = error instanceof Error ? error.message : String(error);
    return {
      status: "failed",
      detail: `${url.host} cannot be reached: ${code === "" ? reason : code}`,
      advice: ADVICE[code] ?? "look at the URL, the DNS and the firewalls between here and there",
    };
  }
}

function open(host: string, at: { readonly port: number; readonly timeoutMs: number }) {
  return new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port: at.port });
    const timer = setTimeout(
      () => socket.destroy(new Error(`no connection in ${at.timeoutMs / 1000} s`)),
      at.timeoutMs,
    );
    socket.once("close", () => clearTimeout(timer));
    socket.once("error", reject);
    socket.once("connect", () => {
      resolve();
      socket.destroy();
    });
  });
}

/** What the connection is worth where there is no TLS. */
export function judgePlainHttp({ isLoopback }: Target): Finding {
  if (isLoopback) return { status: "ok", detail: "plain HTTP on this machine alone" };
  return {
    status: "warning",
    detail: "plain HTTP: whoever is on the way reads secrets and may change what is answered",
    advice: "put it behind HTTPS; until then dockerd needs insecure-registries to use it at all",
  };
}

/** Whether the base of the distribution API is there. @see OCI distribution spec v1.1.1, end-1 */
export async function checkApi(prober: Prober, target: Target): Promise<Finding> {
  try {
    const found = await ping(prober, target.door);
    const refused = found.answer.status;
    if (target.secret === null || (refused !== 401 && refused !== 403))
      return judgeApi(found.url, found.answer);
    return await checkBarePing(prober, target.stranger, refused);
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return {
      status: "failed",
      detail: `GET /v2/: ${error.message}`,
      advice:
        error.kind === "timeout"
          ? "the host takes connections and answers nothing: look at the mirror's log"
          : "what listens there does not speak HTTP as a registry does: look at the URL and the port",
    };
  }
}

/** A secret that is not accepted says nothing about the ping, which clients send without it. */
async function checkBarePing(prober: Prober, stranger: Door, refused: number): Promise<Finding> {
  const withSecret = `refused with the secret (${refused})`;
  // What has no secret in it may be another server's address, and its trouble not the mirror's.
  const elsewhere: Finding = {
    status: "warning",
    detail: `GET /v2/ is ${withSecret}, and without it no registry answers`,
    advice: "whether the secret is at fault: see access below",
    measured: { status: refused },
  };
  try {
    const { url, answer } = await ping(prober, stranger);
    const bare = judgeApi(url, answer);
    if (bare.status === "failed") return elsewhere;
    return bare.status === "ok" ? { ...bare, detail: `${bare.detail}; ${withSecret}` } : bare;
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return elsewhere;
  }
}

async function ping(
  prober: Prober,
  { base, authorization }: Door,
): Promise<{ url: URL; answer: ProbeAnswer }> {
  const url = new URL(`${base}/v2/`);
  return { url, answer: await prober.ask(url, { authorization, maxBytes: MAX_BODY, keep: true }) };
}

function judgeApi(url: URL, { status, headers, body, headersMs }: ProbeAnswer): Finding {
  const version = headers.get("Docker-Distribution-Api-Version");
  const type = headers.get("Content-Type") ?? "no type";
  const measured = { status, headersMs: Math.round(headersMs) };
  if (status >= 300 && status < 400) {
    const to = URL.parse(headers.get("Location") ?? "", url.href)?.origin ?? "nowhere";
    return {
      status: "failed",
      detail: `GET /v2/ is redirected to ${quoted(to)}; not followed`,
      advice: "name the mirror by the address it is served under, https:// included",
    };
  }
  if (status === 401 || status === 403) return judgeRefusal(headers, { status, measured });
  // Whose limit it is, is found out where access is looked at.
  if (status === 429)
    return {
      status: "warning",
      detail: `GET /v2/ was answered 429 (${quoted(body.slice(0, 200))})`,
      advice: "clients that ping first stop here until the limit ends: see access below",
      measured,
    };
  if (status !== 200) {
    const what = status === 404 ? "there is no registry under this URL" : "the mirror is failing";
    return {
      status: "failed",
      detail: `GET /v2/ was answered ${status} (${quoted(body.slice(0, 200))})`,
      advice: `${what}: look at the URL's path and at the mirror's log`,
    };
  }
  // The header is Docker's and older than the specification: a registry may do without it, a web page has none.
  if (version !== "registry/2.0" && !type.startsWith("application/json"))
    return {
      status: "failed",
      detail: `GET /v2/ was answered with ${quoted(type)} and no Docker-Distribution-Api-Version`,
      advice: "this is a web page and no registry: look at the URL",
    };
  const said = version === null ? "no Docker-Distribution-Api-Version" : quoted(version);
  return { status: "ok", detail: `${said}, ${Math.round(headersMs)} ms`, measured };
}

function judgeRefusal(
  headers: Headers,
  { status, measured }: { readonly status: number; readonly measured: Record<string, number> },
): Finding {
  const challenge = headers.get("WWW-Authenticate");
  if (challenge === null)
    return {
      status: "warning",
      detail: `GET /v2/ was answered ${status}: clients that ping first stop here`,
      advice: "Podman pings before it sends a path with a secret: answer the bare /v2/ to anybody",
      measured,
    };
  return {
    status: "warning",
    detail: `GET /v2/ asks for a login (${quoted(challenge.split(" ")[0] ?? "")})`,
    advice:
      "as a mirror it will not do for dockerd, which answers with the user's Docker Hub password or not at all",
    measured,
  };
}
