import { createServer } from "node:net";

/** Finds a port that nobody listens on. */
export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, host, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Says why a port cannot be listened on now; `null` where it can. */
export function findObstacle(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(describe(error, host, port)));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

function describe({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  if (code === "EADDRINUSE") return `${host}:${port} is taken; choose another with --port`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
    return `${host} is no address of this machine; choose another with --host`;
  return `${host}:${port} cannot be listened on: ${message}`;
}
