/** This mirror's own address, as a client is to name it. Made only by {@link parseAddress}. */
export interface MirrorAddress {
  /** With scheme and the client's own path, without a slash at the end: what dockerd and containerd take. */
  readonly origin: string;
  /** Host, port and the client's own path: what BuildKit, kaniko and Podman take. */
  readonly location: string;
  /** Host and port. */
  readonly host: string;
  /** Without TLS, which those three refuse unless told otherwise. */
  readonly isPlain: boolean;
  /** Means something else in a container than on the machine that runs the mirror. */
  readonly isLoopback: boolean;
}

/** Adds the place of a secret that is not known here, for texts in which it is still to be put. */
export function withPlaceholder(mirror: MirrorAddress): MirrorAddress {
  const path = "/t/SECRET";
  return { ...mirror, origin: `${mirror.origin}${path}`, location: `${mirror.location}${path}` };
}

/** Letters, digits, dots, `-` and `_`, or an IPv6 address in brackets; then perhaps a port. */
const HOST = /^(?:[a-z0-9][a-z0-9._-]*|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/;

/** A secret's place, or none. */
const PATH = /^(?:\/t\/[a-z0-9]+)?$/;

/**
 * Reads the address a client asked by. It comes from the `Host` header, so anybody can make it up.
 *
 * @param protocol - as `URL` has it, colon included
 * @param path - what the client's own address has behind the host; `""` for nothing
 * @returns `null` for what is no plain host name, which a configuration file could be broken with
 */
export function parseAddress(protocol: string, host: string, path = ""): MirrorAddress | null {
  if (!PATH.test(path)) return null;
  if (!/^https?:$/.test(protocol) || host.length > 260 || !HOST.test(host)) return null;
  const name = host.replace(/:\d+$/, "");
  return {
    origin: `${protocol}//${host}${path}`,
    location: `${host}${path}`,
    host,
    isPlain: protocol === "http:",
    isLoopback: /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(name),
  };
}
