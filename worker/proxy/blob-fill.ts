/**
 * How a cold blob is filled: one fill per digest, whoever asks, and everyone reads what it stores at their own pace.
 *
 * @module
 */
import type { Digest } from "../oci/digest.ts";
import type { ByteRange } from "../oci/range.ts";
import type { RepositoryKey } from "../store/store.ts";
import type { UpstreamFailure } from "../upstream/errors.ts";
import type { Asking } from "./proof.ts";

/**
 * How a fill stands when it is opened; `isForAll`: all of it is had through a repository that is public.
 *
 * Plain data, to cross from a Durable Object.
 */
export type FillStart =
  /** The blob is whole and verified in the store; `fetchedBytes` where this fill had it from the upstream. */
  | { readonly kind: "stored"; readonly fetchedBytes?: number; readonly isForAll?: boolean }
  /** Chunks are coming; `size` is the whole blob's, in bytes. */
  | { readonly kind: "filling"; readonly size: number; readonly isForAll?: boolean }
  | { readonly kind: "absent" }
  | FillFailure;

/** Why a fill ended without a blob. */
export type FillFailure =
  | { readonly kind: "failed"; readonly failure: UpstreamFailure }
  /** The store would not take it: the client can still be served from upstream. */
  | { readonly kind: "store-failed" };

/** Where a byte can be read. */
export type Segment =
  | { readonly kind: "chunk"; readonly chunk: ByteRange }
  | { readonly kind: "stored" }
  | FillFailure;

/** One blob's fill, implemented by a Durable Object named by the digest. */
export interface BlobFill {
  /** Starts the fill or joins it. Waits until the blob's size is known, for a small one until it is stored. */
  open(key: RepositoryKey, digest: Digest, asking: Asking): Promise<FillStart>;
  /** Waits until a byte can be read, and hurries its chunk. */
  segment(digest: Digest, offset: number): Promise<Segment>;
  /** Waits until the whole blob's digest has been found right. Until then no client gets its last bytes. */
  verified(digest: Digest): Promise<{ readonly kind: "verified" } | FillFailure>;
}

/** What a fill writes down, to go on after its Durable Object was evicted or its machine died. */
export interface FillRecord {
  readonly key: RepositoryKey;
  readonly size: number;
  /** Stored whole, not yet verified. */
  readonly chunks: readonly ByteRange[];
}

/** Where a fill keeps its {@link FillRecord}. */
export interface FillLog {
  read(): FillRecord | null;
  begin(key: RepositoryKey, size: number): void;
  addChunk(chunk: ByteRange): void;
  clear(): void;
}
