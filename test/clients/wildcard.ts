import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as it came. */
interface SeenRequest {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly authorization: string | null;
}

/**
 * Stands in for a wildcard domain's DNS: a plain HTTP proxy through which every host name leads to the mirror.
 *
 * A client that is told of it by `HTTP_PROXY` sends its requests as for any proxy (RFC 9112 §3.2.2); what goes on is what
 * the mirror would have got, its Host header too.
 */
export interface Wildcard {
  readonly url: string;
  readonly seen: SeenRequest[];
  close(): Promise<void>;
}

/** Starts the proxy on loopback. */
export async function startWildcard(mirror: URL): Promise<Wildcard> {
  const seen: SeenRequest[] = [];
  const server = createServer((asked, answer) => {
    const { method = "", headers } = asked;
    const { host, pathname, search } = new URL(asked.url ?? "", `http://${headers.host ?? ""}`);
    seen.push({ method, host, path: pathname, authorization: headers.authorization ?? null });
    const options = { host: mirror.hostname, port: mirror.port, method, path: pathname + search };
    const forwarded = request({ ...options, headers: { ...headers, host } }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    forwarded.on("error", () => answer.destroy());
    asked.pipe(forwarded);
  });
  // Only what is not for the mirror is https: it goes nowhere.
  server.on("connect", (_asked, socket) => socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
