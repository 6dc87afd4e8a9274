import { isSecret } from "./tokens.ts";

/** Where a client put its secret. */
export type SecretPlace = "path" | "host" | "authorization";

/** What a client presented as a secret, right or wrong. */
export interface PresentedSecret {
  readonly place: SecretPlace;
  readonly text: string;
}

/** A request's path in its two parts. */
export interface SplitPath {
  /** Without the secret: what routes see. */
  readonly path: string;
  readonly secret: string | null;
}

/**
 * Parts a path from the secret in it: `/t/<secret>/v2/…`, as dockerd and containerd ask for a mirror that has a path, or
 * `/v2/t/<secret>/…`, as BuildKit, Podman and kaniko do, for whom it is the beginning of the repository's name.
 *
 * Whatever stands in the secret's place is taken for one, so that a mistyped secret is never asked for upstream as a
 * repository. Only `/v2/t/<name>/manifests/…` and its like stay a repository's, unless `<name>` could be a secret: a
 * namespace `t` may exist in some registry. Percent escapes are not decoded; no secret needs one.
 */
export function splitPath(pathname: string): SplitPath {
  const [, before, rest = ""] = /^\/t\/([^/]*)(\/.*)?$/s.exec(pathname) ?? [];
  if (before !== undefined) return { path: rest === "" ? "/" : rest, secret: before };
  const [, after, name] = /^\/v2\/t\/([^/]*)(?:\/(.*))?$/s.exec(pathname) ?? [];
  if (after === undefined) return { path: pathname, secret: null };
  const isRepository = /^(?:manifests|blobs|tags|referrers)\//.test(name ?? "");
  if (isRepository && !isSecret(after)) return { path: pathname, secret: null };
  return { path: `/v2/${name ?? ""}`, secret: after };
}

/** Finds all that a request presents as secrets: one in each place at most. */
export function readPresented(url: URL, headers: Headers): readonly PresentedSecret[] {
  const presented: PresentedSecret[] = [];
  const add = (place: SecretPlace, text: string | null): void => {
    if (text !== null && text !== "") presented.push({ place, text });
  };
  add("path", splitPath(url.pathname).secret);
  add("host", readHostLabel(url.hostname));
  add("authorization", readAuthorization(headers.get("Authorization") ?? ""));
  return presented;
}

/** The first label, where it could be a secret: `https://<secret>.mirror.example.com`. */
function readHostLabel(hostname: string): string | null {
  const [label = "", ...parents] = hostname.split(".");
  return parents.length > 0 && isSecret(label) ? label : null;
}

/**
 * Bearer's token or Basic's password; a user's name means nothing here.
 *
 * A header that says anything else, or several things at once, presents something wrong. Basic without user and password
 * presents nothing: Podman answers a challenge so where it has no login.
 */
function readAuthorization(header: string): string | null {
  if (header === "") return null;
  const [, scheme = "", value = ""] = /^(\S+) +(\S+) *$/.exec(header) ?? [];
  if (/^bearer$/i.test(scheme)) return value;
  if (!/^basic$/i.test(scheme)) return "?";
  const [, user = "", password = "?"] = /^([^:]*):(.*)$/s.exec(decodeBase64(value)) ?? [];
  return user === "" && password === "" ? null : password;
}

function decodeBase64(text: string): string {
  try {
    return atob(text);
  } catch {
    return "";
  }
}
