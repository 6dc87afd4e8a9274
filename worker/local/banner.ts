import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { isIP } from "node:net";
import type { LocalOptions } from "./arguments.ts";

/** Docker Hub's own, which needs no mention. */
const DOCKER_HUB = /^https:\/\/registry-1\.docker\.io\/?$/;

/** What is said once the mirror listens. */
export interface Banner extends Pick<LocalOptions, "host" | "data" | "variables"> {
  readonly port: number;
  /** This machine's, as `networkInterfaces()` of `node:os` tells them. */
  readonly interfaces?: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
}

/** Writes where the mirror listens, what to paste, and what should not go unsaid. */
export function renderBanner(banner: Banner): string {
  const { host, port, data, variables } = banner;
  const origin = `http://${bracket(findReachable(banner))}:${port}`;
  const upstream = variables["UPSTREAM"] ?? "";
  const from = upstream === "" || DOCKER_HUB.test(upstream) ? "" : ` (UPSTREAM=${upstream})`;
  // Without `open` a client brings a secret: dockerd 25 and later in the path.
  const isOpen = /(?:^|[\s,])open(?:$|[\s,])/.test(variables["ACCESS"] ?? "");
  const url = `${origin}${isOpen ? "" : "/t/SECRET"}`;
  return [
    `Tidepool mirrors Docker Hub${from} at ${origin}`,
    "",
    `  /etc/docker/daemon.json${isOpen ? "" : " (dockerd 25 or later)"}:`,
    `    { "registry-mirrors": ["${url}"] }`,
    "",
    `  data: ${data}`,
    "  stop: Ctrl-C",
    ...(isOpen && !isLoopback(host)
      ? ["", "Everybody who reaches this port may pull: set ACCESS (npm start -- --help)"]
      : []),
    "",
  ].join("\n");
}

/** An address that other machines can use, where the mirror listens to all of this machine's. */
function findReachable({ host, interfaces = networkInterfaces() }: Banner): string {
  const isEvery = /^(?:0+(?:\.0+){0,3}|::|::0)$/.test(host);
  if (!isEvery) return host;
  const found = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    // A link-local one is of no use without the name of the asking machine's own interface.
    .filter(({ internal, address }) => !internal && !/^(?:fe80:|169\.254\.)/i.test(address));
  const first = found.find(({ family }) => family === "IPv4");
  return (first ?? (host.includes(":") ? found[0] : undefined))?.address ?? host;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function bracket(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
