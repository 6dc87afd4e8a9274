import { type Digest, digestAlgorithm, digestHex, parseDigest } from "../oci/digest.ts";
import type { ByteRange } from "../oci/range.ts";
import { formatRepository, parseRepositoryPath } from "../oci/reference.ts";
import { parseRepository } from "../oci/repository.ts";
import { type Tag, parseTag } from "../oci/tag.ts";
import type { ObjectKind, RepositoryKey } from "./store.ts";

/*
 * Every R2 key is built and parsed here. `:` and `@` separate what follows a repository's name, since neither can
 * stand in one: the tags of `library/a` are never mixed with those of `library/a/b`.
 */

/** `<kind>/<name>`: the key of a listed object. */
export function objectKey(kind: ObjectKind, name: string): string {
  return `${kind}/${name}`;
}

/** Reads `sha256/<hex>`, which follows `blobs/` in a key. */
export function parseBlobName(name: string): Digest | null {
  return parseDigest(name.replace("/", ":"));
}

/** `blobs/sha256/<hex>`: content-addressed, one for all repositories. */
export function blobKey(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** `fills/sha256/<hex>/<first>-<last>`: a piece of a blob that is being filled. */
export function chunkKey(digest: Digest, chunk: ByteRange): string {
  return `fills/${digestAlgorithm(digest)}/${digestHex(digest)}/${chunk.first}-${chunk.last}`;
}

/** `fills/sha256/<hex>/probe`: there for a moment, to see whether the store takes anything. */
export function probeKey(digest: Digest): string {
  return `fills/${digestAlgorithm(digest)}/${digestHex(digest)}/probe`;
}

/** `<upstream>/<repository>@<digest>`: what names a manifest among all, and follows `manifests/` in its key. */
export function manifestName(key: RepositoryKey, digest: Digest): string {
  return `${key.upstream}/${key.repository}@${digest}`;
}

/** Reads {@link manifestName}. */
export function parseManifestName(
  name: string,
): { readonly key: RepositoryKey; readonly digest: Digest } | null {
  const at = name.lastIndexOf("@");
  const key = parseRepositoryName(name.slice(0, Math.max(0, at)));
  const digest = parseDigest(name.slice(at + 1));
  return key === null || digest === null ? null : { key, digest };
}

/** `manifests/<upstream>/<repository>@<digest>`. */
export function manifestKey(key: RepositoryKey, digest: Digest): string {
  return `manifests/${manifestName(key, digest)}`;
}

/** `tags/<upstream>/<repository>:`, which no other repository's tags begin with. */
export function tagPrefix(key: RepositoryKey): string {
  return `tags/${key.upstream}/${key.repository}:`;
}

/** `<upstream>/<repository>:<tag>`: what names a tag among all, and follows `tags/` in its key. */
export function tagName(key: RepositoryKey, tag: Tag): string {
  return `${key.upstream}/${key.repository}:${tag}`;
}

/** Reads {@link tagName}. */
export function parseTagName(
  name: string,
): { readonly key: RepositoryKey; readonly tag: Tag } | null {
  const colon = name.lastIndexOf(":");
  const key = parseRepositoryName(name.slice(0, Math.max(0, colon)));
  const tag = parseTag(name.slice(colon + 1));
  return key === null || tag === null ? null : { key, tag };
}

/** `tags/<upstream>/<repository>:<tag>`. */
export function tagKey(key: RepositoryKey, tag: Tag): string {
  return `tags/${tagName(key, tag)}`;
}

/** Reads the tag out of a key under a prefix. */
export function parseTagKey(key: string, prefix: string): Tag | null {
  return key.startsWith(prefix) ? parseTag(key.slice(prefix.length)) : null;
}

/** What every key of the catalog begins with. */
export const CATALOG_PREFIX = "catalog/";

/**
 * `catalog/<name>`: an empty object that says that something was pulled from a repository. The name is written as
 * people write it, `library/alpine` or `ghcr.io/owner/image`: so one listing gives all registries' names in their order.
 */
export function catalogKey(key: RepositoryKey): string {
  return CATALOG_PREFIX + formatRepository(key.upstream, key.repository);
}

/** Reads what follows `catalog/` in a key. */
export function parseCatalogName(name: string): RepositoryKey | null {
  const found = parseRepositoryPath(name, null);
  return found === null ? null : { upstream: found.registry, repository: found.repository };
}

/** Reads `<upstream>/<repository>`; an upstream's name has no slash. */
function parseRepositoryName(name: string): RepositoryKey | null {
  const slash = name.indexOf("/");
  const repository = parseRepository(name.slice(slash + 1));
  return slash <= 0 || repository === null ? null : { upstream: name.slice(0, slash), repository };
}

/** `<day>/<page>.json`, as in `2026-11-24/000001.json`: a page of that day's catalog, in the contract's schema. */
export function snapshotPageName(day: string, page: number): string {
  return `${day}/${String(page).padStart(6, "0")}.json`;
}

/** `<day>/complete.json`: written last, it says that all pages are there and how many. */
export function snapshotEndName(day: string): string {
  return `${day}/complete.json`;
}

/** Reads the day out of a snapshot's name. */
export function parseSnapshotDay(name: string): string | null {
  return /^(\d{4}-\d{2}-\d{2})\//.exec(name)?.[1] ?? null;
}
