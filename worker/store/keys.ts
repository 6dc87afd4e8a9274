import { type Digest, digestAlgorithm, digestHex } from "../oci/digest.ts";
import type { ByteRange } from "../oci/range.ts";
import { type RepositoryName, parseRepository } from "../oci/repository.ts";
import { type Tag, parseTag } from "../oci/tag.ts";
import type { RepositoryKey } from "./store.ts";

/*
 * Every R2 key is built and parsed here. `:` and `@` separate what follows a repository's name, since neither can
 * stand in one: the tags of `library/a` are never mixed with those of `library/a/b`.
 */

/** `blobs/sha256/<hex>`: content-addressed, one for all repositories. */
export function blobKey(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** `fills/sha256/<hex>/<first>-<last>`: a piece of a blob that is being filled. */
export function chunkKey(digest: Digest, chunk: ByteRange): string {
  return `fills/${digestAlgorithm(digest)}/${digestHex(digest)}/${chunk.first}-${chunk.last}`;
}

/** `<upstream>/<repository>@<digest>`: what names a manifest among all, and follows `manifests/` in its key. */
export function manifestName(key: RepositoryKey, digest: Digest): string {
  return `${key.upstream}/${key.repository}@${digest}`;
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

/** `tags/<upstream>/<repository>:<tag>`. */
export function tagKey(key: RepositoryKey, tag: Tag): string {
  return `tags/${tagName(key, tag)}`;
}

/** Reads the tag out of a key under a prefix. */
export function parseTagKey(key: string, prefix: string): Tag | null {
  return key.startsWith(prefix) ? parseTag(key.slice(prefix.length)) : null;
}

/** `catalog/<upstream>/`: R2 lists what is under it in the order of the names themselves. */
export function catalogPrefix(upstream: string): string {
  return `catalog/${upstream}/`;
}

/** `catalog/<upstream>/<repository>`: an empty object that says that something was pulled from it. */
export function catalogKey(key: RepositoryKey): string {
  return catalogPrefix(key.upstream) + key.repository;
}

/** Reads the repository out of a key under a prefix. */
export function parseCatalogKey(key: string, prefix: string): RepositoryName | null {
  return key.startsWith(prefix) ? parseRepository(key.slice(prefix.length)) : null;
}
