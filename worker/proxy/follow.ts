import type { Digest } from "../oci/digest.ts";
import type { ByteRange } from "../oci/range.ts";
import type { BlobStore, ChunkStore } from "../store/store.ts";
import { UpstreamError } from "../upstream/errors.ts";
import type { BlobFill, FillFailure } from "./blob-fill.ts";
import { persist } from "./persist.ts";

/** What following a fill needs. */
export interface FollowOptions {
  readonly digest: Digest;
  readonly fill: BlobFill;
  readonly store: BlobStore & ChunkStore;
  readonly upstreamName: string;
}

/** Held back until the blob is verified: no answer is ever complete and wrong. */
const HELD_BACK_BYTES = 16 * 1024;

/**
 * Streams a range of a blob while it is being filled, at the client's own pace.
 *
 * Bytes go from store to client through native pipes. The last ones wait for the digest; where it is wrong or the
 * fill fails, the stream is aborted, so that the client sees a broken connection and never a short or wrong end.
 *
 * @returns the stream and a promise that settles, without rejecting, when it is over
 */
export function followFill(
  options: FollowOptions,
  range: ByteRange,
): { readonly body: ReadableStream<Uint8Array>; readonly over: Promise<void> } {
  const { readable, writable } = new FixedLengthStream(range.last - range.first + 1);
  const over = follow(options, range, writable)
    .then(() => writable.close())
    .catch((error: unknown) => writable.abort(error).catch(() => undefined));
  return { body: readable, over };
}

async function follow(
  options: FollowOptions,
  range: ByteRange,
  writable: WritableStream<Uint8Array>,
): Promise<void> {
  const { fill, digest } = options;
  const free = Math.max(range.first, range.last + 1 - HELD_BACK_BYTES);
  let offset = range.first;
  while (offset < free)
    offset = await copySegment(options, { first: offset, last: free - 1 }, writable);
  const verdict = await persist(() => fill.verified(digest));
  if (verdict.kind !== "verified") throw asError(options, verdict);
  while (offset <= range.last)
    offset = await copySegment(options, { first: offset, last: range.last }, writable);
}

/** Copies what one object holds of a range. @returns the offset to go on from */
async function copySegment(
  options: FollowOptions,
  range: ByteRange,
  writable: WritableStream<Uint8Array>,
): Promise<number> {
  const { fill, digest, store } = options;
  const segment = await persist(() => fill.segment(digest, range.first));
  if (segment.kind === "failed" || segment.kind === "store-failed") throw asError(options, segment);
  if (segment.kind === "chunk") {
    const last = Math.min(segment.chunk.last, range.last);
    const body = await store.openChunk(digest, segment.chunk, { first: range.first, last });
    if (body !== null) {
      await body.pipeTo(writable, { preventClose: true });
      return last + 1;
    }
  }
  const blob = await store.openBlob(digest, { kind: "from", ...range });
  if (blob === null || "unsatisfiable" in blob) throw new Error("neither chunk nor blob is there");
  await blob.body.pipeTo(writable, { preventClose: true });
  return range.last + 1;
}

function asError(options: FollowOptions, failure: FillFailure): Error {
  if (failure.kind === "failed") return new UpstreamError(failure.failure);
  return new Error(`${options.upstreamName}: the store failed under a fill`);
}
