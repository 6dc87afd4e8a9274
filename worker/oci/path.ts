import { type Digest, parseDigest } from "./digest.ts";
import { RegistryError } from "./error-code.ts";
import { type RepositoryName, parseRepository } from "./repository.ts";
import { type TagOrDigest, parseTagOrDigest } from "./tag.ts";

/** A distribution API path, validated: handlers never see the raw one. */
export type DistributionPath =
  | { readonly kind: "base" }
  | { readonly kind: "catalog" }
  | { readonly kind: "manifest"; readonly name: RepositoryName; readonly target: TagOrDigest }
  | { readonly kind: "blob"; readonly name: RepositoryName; readonly digest: Digest }
  | { readonly kind: "upload" }
  | { readonly kind: "tags"; readonly name: RepositoryName }
  | { readonly kind: "referrers"; readonly name: RepositoryName; readonly digest: Digest };

/** Longer than any valid path: name (255), word, and a sha512 digest. */
const MAX_LENGTH = 1024;

const PATTERN =
  /^\/v2\/(?<name>.+)\/(?:(?<kind>manifests|blobs|referrers)\/(?<last>[^/]+)|(?<tags>tags\/list)|(?<upload>blobs\/uploads)(?:\/.*)?)$/;

/**
 * Reads the path of a distribution API request, `/v2/…`, into a validated value.
 *
 * @param pathname - as the URL has it; percent escapes are not decoded, since no valid path needs one but the colon
 *   of a digest, which some clients escape
 * @throws {@link RegistryError} with the code of the part that does not parse; nothing upstream is asked then
 * @see OCI distribution spec v1.1.1, "Endpoints"
 */
export function parseDistributionPath(pathname: string): DistributionPath {
  if (pathname === "/v2" || pathname === "/v2/") return { kind: "base" };
  if (pathname === "/v2/_catalog") return { kind: "catalog" };
  const path = pathname.length > MAX_LENGTH ? "" : pathname.replaceAll(/%3a/gi, ":");
  const groups = PATTERN.exec(path)?.groups;
  if (groups === undefined)
    throw new RegistryError("NAME_UNKNOWN", { message: "no such path in the distribution API" });
  if (groups["upload"] !== undefined) return { kind: "upload" };

  const name = parseRepository(groups["name"] ?? "");
  if (name === null) throw new RegistryError("NAME_INVALID");
  if (groups["tags"] !== undefined) return { kind: "tags", name };

  const last = groups["last"] ?? "";
  if (groups["kind"] === "manifests") return { kind: "manifest", name, target: readTarget(last) };
  const digest = parseDigest(last);
  if (digest === null)
    throw new RegistryError("DIGEST_INVALID", { message: "the digest is malformed" });
  return { kind: groups["kind"] === "blobs" ? "blob" : "referrers", name, digest };
}

function readTarget(last: string): TagOrDigest {
  const target = parseTagOrDigest(last);
  if (target !== null) return target;
  if (last.includes(":"))
    throw new RegistryError("DIGEST_INVALID", { message: "the digest is malformed" });
  // A tag that breaks the grammar cannot exist: the answer is the same as for one that does not.
  throw new RegistryError("MANIFEST_UNKNOWN", { message: "no such tag can exist" });
}
