import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type RequestListener, createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { closing } from "./run.ts";

const FIXTURES = new URL("fixtures/", import.meta.url);

/** A file of `fixtures/`: made by openssl, valid until 2126 but for `expired`, which ended in 2021. */
export function pem(name: string): string {
  return readFileSync(new URL(`${name}.pem`, FIXTURES), "utf8");
}

/** A server that answers as the test says, until the test's end. */
export async function serve(listener: RequestListener, certificate?: string): Promise<URL> {
  const server =
    certificate === undefined
      ? createServer(listener)
      : createTlsServer({ cert: pem(certificate), key: pem(`${certificate}.key`) }, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const { port } = server.address() as AddressInfo;
  return new URL(`${certificate === undefined ? "http" : "https"}://127.0.0.1:${port}`);
}

/** What a registry's base answers, for servers that go wrong only later. */
export function passPing(listener: RequestListener): RequestListener {
  return (request, response) => {
    response.setHeader("Docker-Distribution-Api-Version", "registry/2.0");
    if (request.url === "/v2/") response.setHeader("Content-Type", "application/json").end("{}");
    else listener(request, response);
  };
}
