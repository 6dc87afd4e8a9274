import { type Digest, digestAlgorithm, digestHex } from "../oci/digest.ts";
import {
  type ByteRange,
  type ByteRangeSpec,
  parseContentRange,
  resolveRange,
} from "../oci/range.ts";
import { StoreError } from "./errors.ts";
import * as keys from "./keys.ts";
import { type Bucket, createR2Store } from "./r2.ts";
import type {
  BlobStore,
  ChunkStore,
  ListedObject,
  ObjectKind,
  ObjectStore,
  Store,
  StoredBlob,
} from "./store.ts";

/**
 * A folder of this machine, for `npm start`: blobs and chunks are files there, under the keys they have in R2.
 *
 * R2's stand-in on one machine hashes every byte in JavaScript and has three Workers in the path of a read: measured,
 * 44 s of CPU for a cold GB and 1,400 small blobs a second, where files take 8 s and 5,900.
 */
export interface Disk {
  /** workerd's own disk service: bytes go between sockets and files natively, and a file is there whole or not at all. */
  readonly files: Pick<Fetcher, "fetch">;
  /** What that cannot do, by the process that started workerd. @see worker/local/keeper.ts */
  readonly keeper: Pick<Fetcher, "fetch">;
}

const ORIGIN = "http://disk/";
const FILE_KINDS: ReadonlySet<ObjectKind> = new Set<ObjectKind>(["blobs", "fills"]);

/** Keeps blobs and chunks as files, and everything else in the bucket. */
export function createLocalStore(bucket: Bucket, disk: Disk): Store {
  const small = createR2Store(bucket);
  const large = createFileObjects(disk);
  return {
    ...small,
    ...createFileBlobs(disk),
    ...createFileChunks(disk),
    listObjects: (kind, after) => (FILE_KINDS.has(kind) ? large : small).listObjects(kind, after),
    async deleteObjects(all) {
      await large.deleteObjects(all.filter(isFile));
      await small.deleteObjects(all.filter((key) => !isFile(key)));
    },
  };
}

/** What is not known to be right has no name of its own. */
function incomingKey(): string {
  return `incoming/${crypto.randomUUID()}`;
}

function isFile(key: string): boolean {
  return FILE_KINDS.has(key.split("/")[0] as ObjectKind);
}

function createFileBlobs(disk: Disk): BlobStore {
  return {
    openBlob: (digest, range) => openBlob(disk, digest, range),
    async statBlob(digest) {
      const response = await read(disk, keys.blobKey(digest), { method: "HEAD" });
      return response === null ? null : { size: contentLength(response) };
    },
    async putBlob(digest, body) {
      const from = incomingKey();
      await write(disk, from, body);
      const expected = { algorithm: digestAlgorithm(digest), hex: digestHex(digest) };
      const request = { from, to: keys.blobKey(digest), ...expected };
      const { isRight } = await askKeeper<{ isRight: boolean }>(disk, "admit", request);
      if (isRight) return;
      throw new StoreError("digest-mismatch", { operation: "put blob", cause: "another digest" });
    },
  };
}

function createFileChunks(disk: Disk): ChunkStore {
  const { deleteObjects } = createFileObjects(disk);
  return {
    async openChunk(digest, chunk, { first, last }) {
      const Range = `bytes=${first - chunk.first}-${last - chunk.first}`;
      const response = await read(disk, keys.chunkKey(digest, chunk), { headers: { Range } });
      if (response?.status !== 416) return response?.body ?? null;
      // The words of a refusal must not pass for a blob's bytes.
      await response.body?.cancel();
      throw new StoreError("failed", { operation: "read chunk", cause: "a file cut short" });
    },
    putChunk: (digest, chunk, body) => write(disk, keys.chunkKey(digest, chunk), body),
    deleteChunks: (digest, chunks) =>
      deleteObjects(chunks.map((chunk: ByteRange) => keys.chunkKey(digest, chunk))),
    // By the disk service alone: it is the disk that is to be looked at.
    async probe() {
      const key = incomingKey();
      await write(disk, key, new Uint8Array(1));
      await read(disk, key, { method: "DELETE" });
    },
  };
}

function createFileObjects(disk: Disk): Pick<ObjectStore, "listObjects" | "deleteObjects"> {
  return {
    async listObjects(kind, after) {
      type Listing = { objects: Omit<ListedObject, "digest">[]; isLast: boolean };
      const { objects, isLast } = await askKeeper<Listing>(disk, "list", { kind, after });
      return { objects: objects.map((object) => ({ ...object, digest: null })), isLast };
    },
    async deleteObjects(all) {
      if (all.length > 0) await askKeeper(disk, "delete", { keys: all });
    },
  };
}

async function openBlob(
  disk: Disk,
  digest: Digest,
  range: ByteRangeSpec | null,
): Promise<StoredBlob | { readonly unsatisfiable: true; readonly size: number } | null> {
  const headers = range === null ? {} : { Range: formatRange(range) };
  const response = await read(disk, keys.blobKey(digest), { headers });
  if (response === null) return null;
  const contentRange = response.headers.get("Content-Range");
  if (response.status === 416) {
    await response.body?.cancel();
    return { unsatisfiable: true, size: Number(contentRange?.split("/")[1]) };
  }
  const size = parseContentRange(contentRange)?.size ?? contentLength(response);
  const { body } = response;
  if (body === null) throw new StoreError("failed", { operation: "get blob", cause: "no body" });
  if (range === null) return { body, size, range: null };
  const resolved = resolveRange(range, size);
  if (resolved !== null) return { body, size, range: resolved };
  await body.cancel();
  return { unsatisfiable: true, size };
}

/** A suffix of none is asked for as one of a byte: what it means is decided once the size is known. */
function formatRange(range: ByteRangeSpec): string {
  if (range.kind === "suffix") return `bytes=-${Math.max(1, range.length)}`;
  return `bytes=${range.first}-${range.last ?? ""}`;
}

function contentLength(response: Response): number {
  return Number(response.headers.get("Content-Length"));
}

/** @returns `null` where there is no such file */
async function read(disk: Disk, key: string, init: RequestInit): Promise<Response | null> {
  const response = await disk.files.fetch(ORIGIN + key, init).catch((cause: unknown) => {
    throw new StoreError("failed", { operation: "read file", cause });
  });
  if (response.status === 404) {
    await response.body?.cancel();
    return null;
  }
  if (response.ok || response.status === 416) return response;
  throw new StoreError("failed", { operation: "read file", cause: response.status });
}

/**
 * Writes a file, whole or not at all.
 *
 * @throws {@link StoreError} where the disk would not take it, seen as workerd's "internal error" when it was full; an
 *   error of the body's comes through as it was thrown
 */
async function write(
  disk: Disk,
  key: string,
  body: ReadableStream<Uint8Array> | Uint8Array,
): Promise<void> {
  const init = { method: "PUT", body };
  const response = await disk.files.fetch(ORIGIN + key, init).catch((cause: unknown) => {
    const isDisk = cause instanceof Error && cause.message.startsWith("internal error");
    throw isDisk ? new StoreError("failed", { operation: "put file", cause }) : cause;
  });
  if (!response.ok)
    throw new StoreError("failed", { operation: "put file", cause: response.status });
}

async function askKeeper<T>(
  { keeper }: Disk,
  operation: "admit" | "list" | "delete",
  request: object,
): Promise<T> {
  try {
    const init = { method: "POST", body: JSON.stringify(request) };
    const response = await keeper.fetch(ORIGIN + operation, init);
    const answer = await response.text();
    if (response.ok) return JSON.parse(answer) as T;
    throw new Error(`${response.status} ${answer}`);
  } catch (cause) {
    throw new StoreError("failed", { operation: `${operation} files`, cause });
  }
}
