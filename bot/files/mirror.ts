import ipaddr from "ipaddr.js";

/** A mirror's address in the two forms that clients want. Made only by {@link parseMirror}. */
export interface Mirror {
  /** With scheme, without a slash at the end: what dockerd takes. */
  readonly url: string;
  /** Host, port and path without a scheme: what BuildKit, kaniko and Podman take. */
  readonly host: string;
  /** Plain HTTP: BuildKit, kaniko and Podman refuse it unless told otherwise. */
  readonly insecure: boolean;
  /** A path after the host, refused by dockerd before version 25. */
  readonly hasPath: boolean;
}

/**
 * Reads a mirror's URL.
 *
 * @returns `null` where dockerd would refuse it as `--registry-mirror`: no http(s) scheme, credentials, query or fragment
 * @see moby, `registry.ValidateMirror`
 */
export function parseMirror(text: string): Mirror | null {
  // Whitespace, quotes and variables would be taken literally by every client, or break the file they go in.
  if (!/^https?:\/\/[A-Za-z0-9._~:/%[\]-]+$/i.test(text) || !URL.canParse(text)) return null;
  const { protocol, host, pathname, username, password, hostname } = new URL(text);
  if (username !== "" || password !== "" || hostname === "") return null;
  const path = pathname.replace(/\/+$/, "");
  return {
    url: `${protocol}//${host}${path}`,
    host: `${host}${path}`,
    insecure: protocol === "http:",
    hasPath: path !== "",
  };
}

/** Whether a value some client was given names this mirror, with or without scheme or slash at the end. */
export function isSameMirror(value: string, mirror: Mirror): boolean {
  const withScheme = /^https?:\/\//i.test(value)
    ? value
    : `${mirror.insecure ? "http" : "https"}://${value}`;
  const other = parseMirror(withScheme);
  return other !== null && other.url === mirror.url;
}

/** The mirror as people are shown it: the secret in its path or its host's first label is nobody's business. */
export function withoutSecret(mirror: Mirror): Mirror {
  return { ...mirror, url: hideSecret(mirror.url), host: hideSecret(mirror.host) };
}

/** Takes the secret out of an address, with a scheme or without. */
export function hideSecret(address: string): string {
  return address
    .replace(/\/t\/[a-z0-9]+$/, "/t/SECRET")
    .replace(/^(https?:\/\/)?[a-z0-9]{20,63}(?=\.)/, "$1SECRET");
}

/** Whether an address lets in whoever knows it: by its path, or by a first label as the mirror's wildcard has it. */
export function holdsSecret({ url }: Mirror): boolean {
  return /\/t\/[^/]/.test(url) || hideSecret(url) !== url;
}

/** Whether the host is the very machine, or container, that asks: a loopback address, or none in particular. */
export function isLoopback({ url }: Mirror): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$|\.$/g, "");
  if (host === "localhost" || host.endsWith(".localhost")) return true;
  return ipaddr.isValid(host) && ["loopback", "unspecified"].includes(ipaddr.process(host).range());
}

/** Host and port alone, as flags that name a registry want them. */
export function bareHost({ url }: Mirror): string {
  return new URL(url).host;
}
