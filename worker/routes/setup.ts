import { RegistryError } from "../oci/error-code.ts";
import { type MirrorAddress, parseAddress } from "../page/address.ts";
import { SETUPS, findSetup, listSetups } from "../page/setup-texts.ts";

/**
 * `GET /setup?client=`: what one client must be told to use this mirror; without a client, which ones there are.
 *
 * The text holds the client's own secret where the address it was asked by holds it: it is to be pasted as it is, who
 * asks has the secret already, no cache keeps the answer, and no page of another origin can read it. A secret that came
 * in a header, or a wrong one, is never given back.
 *
 * @param ownPath - as the access check left it: `""`, or `/t/` and the secret that let this client in
 */
export function getSetup(request: Request, ownPath: string): Response {
  const mirror = readMirrorAddress(request, ownPath);
  const client = new URL(request.url).searchParams.get("client");
  if (client === null) return respond(listSetups(mirror), {});
  const setup = findSetup(client);
  if (setup === null) {
    const clients = SETUPS.map((one) => one.client);
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: `client must be one of ${clients.join(", ")}`,
      detail: { parameter: "client", clients },
    });
  }
  return respond(setup.text(mirror), {
    "Content-Disposition": `inline; filename="${setup.file}"`,
  });
}

/**
 * Reads this mirror's own address from a request to it.
 *
 * @throws {@link RegistryError} 400 where the `Host` header is no host's name
 */
export function readMirrorAddress(request: Request, ownPath = ""): MirrorAddress {
  const url = URL.parse(request.url);
  const mirror = url === null ? null : parseAddress(url.protocol, url.host, ownPath);
  if (mirror === null)
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: "the Host header is not the name of a host",
    });
  return mirror;
}

function respond(text: string, headers: Readonly<Record<string, string>>): Response {
  return new Response(text, {
    headers: {
      ...headers,
      "Content-Type": "text/plain; charset=utf-8",
      // It names the host that was asked: no cache may give it to those who asked another.
      "Cache-Control": "no-store",
    },
  });
}
