import { type Digest, digestAlgorithm, digestHex, parseDigest } from "../oci/digest.ts";
import { type ByteRangeSpec, resolveRange } from "../oci/range.ts";
import { attempt } from "./attempt.ts";
import { StoreError } from "./errors.ts";
import * as keys from "./keys.ts";
import { createObjectStore } from "./r2-objects.ts";
import type {
  BlobStore,
  CatalogStore,
  ChunkStore,
  ManifestStore,
  Page,
  Store,
  StoredBlob,
  StoredTag,
  TagStore,
} from "./store.ts";

/** What is used of R2. */
export type Bucket = Pick<R2Bucket, "get" | "head" | "put" | "delete" | "list">;

/** R2 lists and deletes at most this many at once. */
const MAX_BATCH = 1000;

/** Keeps everything in one R2 bucket, under the keys of `keys.ts`. */
export function createR2Store(bucket: Bucket): Store {
  return {
    ...createManifestStore(bucket),
    ...createTagStore(bucket),
    ...createBlobStore(bucket),
    ...createChunkStore(bucket),
    ...createCatalogStore(bucket),
    ...createObjectStore(bucket),
  };
}

function createManifestStore(bucket: Bucket): ManifestStore {
  return {
    async getManifest(key, digest) {
      const object = await attempt("get manifest", () => bucket.get(keys.manifestKey(key, digest)));
      if (object === null) return null;
      const bytes = await attempt("read manifest", () => object.bytes());
      return { digest, mediaType: object.httpMetadata?.contentType ?? "", bytes };
    },
    async putManifest(key, { digest, mediaType, bytes }) {
      const options = { ...checksum(digest), httpMetadata: { contentType: mediaType } };
      await attempt("put manifest", () =>
        bucket.put(keys.manifestKey(key, digest), bytes, options),
      );
    },
  };
}

function createTagStore(bucket: Bucket): TagStore {
  return {
    async getTag(key, tag) {
      const object = await attempt("get tag", () => bucket.get(keys.tagKey(key, tag)));
      if (object === null) return null;
      const bytes = object.size === 0 ? null : await attempt("read tag", () => object.bytes());
      return readTag(object, bytes);
    },
    async putTag(key, tag, { digest, mediaType, size, checkedAt, bytes }) {
      const customMetadata = { digest, size: String(size), checkedAt: String(checkedAt) };
      const options = { customMetadata, httpMetadata: { contentType: mediaType } };
      const body = bytes ?? new Uint8Array();
      await attempt("put tag", () => bucket.put(keys.tagKey(key, tag), body, options));
    },
    async deleteTag(key, tag) {
      await attempt("delete tag", () => bucket.delete(keys.tagKey(key, tag)));
    },
    async listTags(key, page) {
      const prefix = keys.tagPrefix(key);
      const names = await list(bucket, prefix, page);
      return names.map((name) => keys.parseTagKey(name, prefix)).filter((tag) => tag !== null);
    },
  };
}

function createBlobStore(bucket: Bucket): BlobStore {
  return {
    openBlob: (digest, range) => openBlob(bucket, digest, range),
    async statBlob(digest) {
      const object = await attempt("head blob", () => bucket.head(keys.blobKey(digest)));
      return object === null ? null : { size: object.size };
    },
    async putBlob(digest, body) {
      await attempt("put blob", () => bucket.put(keys.blobKey(digest), body, checksum(digest)));
    },
  };
}

function createChunkStore(bucket: Bucket): ChunkStore {
  return {
    async openChunk(digest, chunk, { first, last }) {
      const range = { offset: first - chunk.first, length: last - first + 1 };
      const key = keys.chunkKey(digest, chunk);
      const object = await attempt("get chunk", () => bucket.get(key, { range }));
      return object?.body ?? null;
    },
    async putChunk(digest, chunk, body) {
      await attempt("put chunk", () => bucket.put(keys.chunkKey(digest, chunk), body));
    },
    async deleteChunks(digest, chunks) {
      const all = chunks.map((chunk) => keys.chunkKey(digest, chunk));
      await createObjectStore(bucket).deleteObjects(all);
    },
    async probe(digest) {
      const key = keys.probeKey(digest);
      await attempt("put probe", () => bucket.put(key, new Uint8Array(1)));
      await attempt("delete probe", () => bucket.delete(key));
    },
  };
}

function createCatalogStore(bucket: Bucket): CatalogStore {
  return {
    async addRepository(key) {
      await attempt("put repository", () => bucket.put(keys.catalogKey(key), new Uint8Array()));
    },
    async listRepositories(page) {
      const found = await list(bucket, keys.CATALOG_PREFIX, page);
      return found
        .map((key) => keys.parseCatalogName(key.slice(keys.CATALOG_PREFIX.length)))
        .filter((key) => key !== null);
    },
  };
}

async function openBlob(
  bucket: Bucket,
  digest: Digest,
  range: ByteRangeSpec | null,
): Promise<StoredBlob | { readonly unsatisfiable: true; readonly size: number } | null> {
  const key = keys.blobKey(digest);
  const asked = range === null ? {} : { range: toR2Range(range) };
  let object: R2ObjectBody | null;
  try {
    object = await bucket.get(key, asked);
  } catch (cause) {
    // R2 throws for a range outside the object (10039); Miniflare sends the whole object. Both end below.
    if (range === null || !/\(10039\)/.test(String(cause)))
      throw new StoreError("failed", { operation: "get blob", cause });
    const head = await attempt("head blob", () => bucket.head(key));
    return head === null ? null : { unsatisfiable: true, size: head.size };
  }
  if (object === null) return null;
  const { size, body } = object;
  if (range === null) return { body, size, range: null };
  const resolved = resolveRange(range, size);
  if (resolved !== null) return { body, size, range: resolved };
  await body.cancel();
  return { unsatisfiable: true, size };
}

function toR2Range(range: ByteRangeSpec): R2Range {
  if (range.kind === "suffix") return { suffix: Math.max(1, range.length) };
  if (range.last === null) return { offset: range.first };
  return { offset: range.first, length: range.last - range.first + 1 };
}

function readTag(object: R2Object, bytes: Uint8Array | null): StoredTag | null {
  const { digest: text = "", size = "", checkedAt = "" } = object.customMetadata ?? {};
  const digest = parseDigest(text);
  const mediaType = object.httpMetadata?.contentType ?? "";
  if (digest === null) return null;
  return { digest, mediaType, size: Number(size), checkedAt: Number(checkedAt), bytes };
}

async function list(bucket: Bucket, prefix: string, page: Page): Promise<string[]> {
  const keysFound: string[] = [];
  const wanted = Math.min(page.limit, MAX_BATCH);
  // Also on the first page: Miniflare reads every key that stands before.
  let startAfter = prefix + (page.last ?? "");
  while (keysFound.length < wanted) {
    const limit = wanted - keysFound.length;
    // R2 may give fewer than asked for and still have more.
    const found = await attempt("list", () => bucket.list({ prefix, limit, startAfter }));
    for (const { key } of found.objects) keysFound.push(key);
    startAfter = keysFound.at(-1) ?? startAfter;
    if (!found.truncated || found.objects.length === 0) break;
  }
  return keysFound;
}

/** R2 checks a whole put against the digest and stores nothing where it is another's. */
function checksum(digest: Digest): R2PutOptions {
  return { [digestAlgorithm(digest)]: digestHex(digest) };
}
