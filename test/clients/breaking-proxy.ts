import { type IncomingMessage, type ServerResponse, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** A line between a client and the mirror that breaks. */
export interface BreakingProxy {
  readonly url: URL;
  /** Breaks the next long answers after so many bytes of body, so many times. */
  breakAfter(bytes: number, times: number): void;
  /** How often it broke since the last {@link breakAfter}. */
  breaks(): number;
  /** The ranges that were asked for since the last {@link breakAfter}, as the client wrote them. */
  ranges(): readonly string[];
  close(): Promise<void>;
}

/** Starts a proxy on loopback that passes everything on unchanged, until it breaks the connection. */
export async function startBreakingProxy(target: URL): Promise<BreakingProxy> {
  let fault = { bytes: Infinity, times: 0 };
  let broken = 0;
  let ranges: string[] = [];

  const passOn = (asked: IncomingMessage, answer: ServerResponse): void => {
    const { method, headers } = asked;
    if (headers.range !== undefined) ranges.push(headers.range);
    const options = { host: target.hostname, port: target.port, method, path: asked.url, headers };
    const forwarded = request(options, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      const isLong = Number(response.headers["content-length"] ?? 0) > fault.bytes;
      if (!isLong || fault.times <= 0 || method === "HEAD") return void response.pipe(answer);
      fault.times -= 1;
      broken += 1;
      let sent = 0;
      response.on("data", (piece: Buffer) => {
        answer.write(piece.subarray(0, fault.bytes - sent));
        sent += piece.byteLength;
        // What is written must be on its way before the connection breaks.
        if (sent >= fault.bytes) answer.socket?.end(() => answer.destroy());
      });
    });
    forwarded.on("error", () => answer.destroy());
    answer.on("close", () => forwarded.destroy());
    asked.pipe(forwarded);
  };

  const server = createServer(passOn);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    breakAfter(bytes, times) {
      fault = { bytes, times };
      broken = 0;
      ranges = [];
    },
    breaks: () => broken,
    ranges: () => ranges,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
