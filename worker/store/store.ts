/**
 * The ports to what the mirror keeps. Absence is `null`; a store that cannot be asked is a {@link StoreError}.
 *
 * @module
 */
import type { Digest } from "../oci/digest.ts";
import type { ByteRange, ByteRangeSpec } from "../oci/range.ts";
import type { RepositoryName } from "../oci/repository.ts";
import type { Tag } from "../oci/tag.ts";

/** A repository of one upstream: the same name at two upstreams is two repositories. */
export interface RepositoryKey {
  readonly upstream: string;
  readonly repository: RepositoryName;
}

/** A manifest as it came, verified before it was stored. */
export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** Manifests by digest. They never change. */
export interface ManifestStore {
  getManifest(key: RepositoryKey, digest: Digest): Promise<StoredManifest | null>;
  putManifest(key: RepositoryKey, manifest: StoredManifest): Promise<void>;
}

/** What a tag pointed at when the upstream was last asked. */
export interface StoredTag {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Of the manifest, in bytes. */
  readonly size: number;
  /** When the upstream last confirmed it, in milliseconds since the epoch. */
  readonly checkedAt: number;
  /** The manifest itself where it was at hand, so that a pull by tag is one read. */
  readonly bytes: Uint8Array | null;
}

/** Tags and what they point at. */
export interface TagStore {
  getTag(key: RepositoryKey, tag: Tag): Promise<StoredTag | null>;
  putTag(key: RepositoryKey, tag: Tag, stored: StoredTag): Promise<void>;
  deleteTag(key: RepositoryKey, tag: Tag): Promise<void>;
  /** Tags in lexical order after `last`, at most `limit` and at most 1000. */
  listTags(key: RepositoryKey, page: Page): Promise<Tag[]>;
}

/** Where a page of a sorted list starts and how long it may be. */
export interface Page {
  /** Exclusive; `null` from the start. */
  readonly last: string | null;
  readonly limit: number;
}

/** An open blob. */
export interface StoredBlob {
  readonly body: ReadableStream<Uint8Array>;
  /** Of the whole blob, in bytes. */
  readonly size: number;
  /** What `body` holds; `null` for all of it. */
  readonly range: ByteRange | null;
}

/** Verified blobs, one object each, shared by all repositories. */
export interface BlobStore {
  /**
   * Opens a blob with one operation.
   *
   * @returns `"unsatisfiable"` with the size where the range lies outside the blob
   */
  openBlob(
    digest: Digest,
    range: ByteRangeSpec | null,
  ): Promise<StoredBlob | { readonly unsatisfiable: true; readonly size: number } | null>;
  statBlob(digest: Digest): Promise<{ readonly size: number } | null>;
  /**
   * Stores a blob if its digest is right, whole or not at all.
   *
   * @param body - exactly as long as it says; an error of its own is thrown on as it is
   * @throws {@link StoreError} of kind `digest-mismatch` where the bytes are not `digest`'s
   */
  putBlob(digest: Digest, body: ReadableStream<Uint8Array>): Promise<void>;
}

/** Unverified pieces of a blob that is being filled. */
export interface ChunkStore {
  /** Opens a part of a chunk; `within` counts from the blob's start. */
  openChunk(
    digest: Digest,
    chunk: ByteRange,
    within: ByteRange,
  ): Promise<ReadableStream<Uint8Array> | null>;
  /** Stores a chunk, whole or not at all. */
  putChunk(
    digest: Digest,
    chunk: ByteRange,
    body: ReadableStream<Uint8Array> | Uint8Array,
  ): Promise<void>;
  deleteChunks(digest: Digest, chunks: readonly ByteRange[]): Promise<void>;
  /** Puts a byte beside a fill's chunks and deletes it. @throws {@link StoreError} where the store takes nothing */
  probe(digest: Digest): Promise<void>;
}

/** The repositories that something was pulled from. */
export interface CatalogStore {
  addRepository(key: RepositoryKey): Promise<void>;
  /** Names in lexical order after `last`, at most `limit` and at most 1000. */
  listRepositories(page: Page): Promise<RepositoryKey[]>;
}

/** What the first part of a key says: `keys.ts` has them all. */
export type ObjectKind = "manifests" | "tags" | "catalog" | "blobs" | "fills" | "snapshots";

/** An object as it is listed. */
export interface ListedObject {
  /** Its key without the first part. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** When it was put, in milliseconds since the epoch. */
  readonly uploadedMs: number;
  /** What a tag points at; `null` for all others. */
  readonly digest: Digest | null;
}

/** All objects, whatever they are, for eviction and the sweep. */
export interface ObjectStore {
  /** The next objects of a kind in order of their names, at most 1000, after a name; one operation. */
  listObjects(
    kind: ObjectKind,
    after: string | null,
  ): Promise<{ readonly objects: readonly ListedObject[]; readonly isLast: boolean }>;
  /** Deletes objects by their keys, a thousand with one operation; one that is not there is no error. */
  deleteObjects(keys: readonly string[]): Promise<void>;
  /** Stores a page of a snapshot, or what says that all its pages are there. */
  putSnapshot(name: string, text: string): Promise<void>;
}

/** All that the mirror keeps. */
export type Store = ManifestStore & TagStore & BlobStore & ChunkStore & CatalogStore & ObjectStore;
