import { type Digest, parseDigest } from "./digest.ts";
import { RegistryError } from "./error-code.ts";
import { parseRepositoryPath } from "./reference.ts";
import type { RepositoryName } from "./repository.ts";
import { type TagOrDigest, parseTagOrDigest } from "./tag.ts";

/** Which repository of which registry a path is about. */
export interface RepositoryPath {
  /** The registry's host name; `docker.io` where none was named. */
  readonly registry: string;
  /** As that registry knows it: `alpine` is `library/alpine` at Docker Hub. */
  readonly name: RepositoryName;
  /** The `<name>` that the client wrote. */
  readonly written: string;
}

/** A distribution API path, validated: handlers never see the raw one. */
export type DistributionPath =
  | { readonly kind: "base" }
  | { readonly kind: "catalog" }
  | (RepositoryPath & { readonly kind: "manifest"; readonly target: TagOrDigest })
  | (RepositoryPath & { readonly kind: "blob"; readonly digest: Digest })
  | { readonly kind: "upload" }
  | (RepositoryPath & { readonly kind: "tags" })
  | (RepositoryPath & { readonly kind: "referrers"; readonly digest: Digest });

/** Longer than any valid path: host (260), name (255), word, and a sha512 digest. */
const MAX_LENGTH = 1024;

const PATTERN =
  /^\/v2\/(?<name>.+)\/(?:(?<kind>manifests|blobs|referrers)\/(?<last>[^/]+)|(?<tags>tags\/list)|(?<upload>blobs\/uploads)(?:\/.*)?)$/;

/**
 * Reads the path of a distribution API request, `/v2/…`, into a validated value.
 *
 * @param pathname - as the URL has it; percent escapes are not decoded, since no valid path needs one but the colon
 *   of a digest, which some clients escape
 * @param namespace - the registry's host name from the query's `ns`, as containerd sends it; the name in the path is
 *   then all of the repository's. Without it a first part that is a host name (`ghcr.io/owner/image`) is the registry.
 * @throws {@link RegistryError} with the code of the part that does not parse; nothing upstream is asked then
 * @see OCI distribution spec v1.1.1, "Endpoints"
 */
export function parseDistributionPath(
  pathname: string,
  namespace: string | null,
): DistributionPath {
  if (pathname === "/v2" || pathname === "/v2/") return { kind: "base" };
  if (pathname === "/v2/_catalog") return { kind: "catalog" };
  const path = pathname.length > MAX_LENGTH ? "" : pathname.replaceAll(/%3a/gi, ":");
  const groups = PATTERN.exec(path)?.groups;
  if (groups === undefined)
    throw new RegistryError("NAME_UNKNOWN", { message: "no such path in the distribution API" });
  if (groups["upload"] !== undefined) return { kind: "upload" };

  const repository = readRepository(groups["name"] ?? "", namespace);
  if (groups["tags"] !== undefined) return { kind: "tags", ...repository };

  const last = groups["last"] ?? "";
  if (groups["kind"] === "manifests")
    return { kind: "manifest", ...repository, target: readTarget(last) };
  const digest = parseDigest(last);
  if (digest === null)
    throw new RegistryError("DIGEST_INVALID", { message: "the digest is malformed" });
  return { kind: groups["kind"] === "blobs" ? "blob" : "referrers", ...repository, digest };
}

function readRepository(written: string, namespace: string | null): RepositoryPath {
  const found = parseRepositoryPath(written, namespace);
  if (found === null) throw new RegistryError("NAME_INVALID");
  return { registry: found.registry, name: found.repository, written };
}

function readTarget(last: string): TagOrDigest {
  const target = parseTagOrDigest(last);
  if (target !== null) return target;
  if (last.includes(":"))
    throw new RegistryError("DIGEST_INVALID", { message: "the digest is malformed" });
  // A tag that breaks the grammar cannot exist: the answer is the same as for one that does not.
  throw new RegistryError("MANIFEST_UNKNOWN", { message: "no such tag can exist" });
}
