import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error-code.ts";
import { type ByteRange, type ByteRangeSpec, resolveRange } from "../oci/range.ts";
import { StoreError } from "../store/errors.ts";
import type { BlobStore, ChunkStore, RepositoryKey } from "../store/store.ts";
import { UpstreamError, type UpstreamFailure, isAway } from "../upstream/errors.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { BlobFill, FillStart } from "./blob-fill.ts";
import { Deadline } from "./deadline.ts";
import { type Leave, type LeaveDeps, requireLeave } from "./blob-leave.ts";
import { followFill } from "./follow.ts";
import { passThrough } from "./pass-through.ts";
import { persist } from "./persist.ts";
import type { Audience } from "./proof.ts";

/** What serving a blob needs. */
export interface BlobDeps {
  readonly store: BlobStore & ChunkStore;
  readonly fill: BlobFill;
  readonly leave: LeaveDeps;
  /** Keeps the request's context alive until a stream is over. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly warn: (message: string, error: unknown) => void;
  /** Told of what fails once the answer is on its way. */
  readonly failed: (failure: UpstreamFailure) => void;
}

/** What of a blob is asked for, and through which repository. */
export interface BlobWanted {
  readonly key: RepositoryKey;
  readonly digest: Digest;
  readonly audience: Audience;
  readonly range: ByteRangeSpec | null;
}

/** A blob to answer with. */
export interface ServedBlob {
  readonly body: ReadableStream<Uint8Array>;
  /** Of the whole blob in bytes; `null` only where an upstream named none and the store is away. */
  readonly size: number | null;
  /** What `body` holds; `null` for all of it. */
  readonly range: ByteRange | null;
  readonly outcome: "hit" | "miss";
  /** Whether it streams from the upstream past the store. */
  readonly isPassed?: boolean;
}

/** Thrown where a range lies outside a blob (416). */
export class UnsatisfiableRange extends Error {
  override readonly name = "UnsatisfiableRange" as const;
  /** Of the whole blob, in bytes. */
  readonly size: number;

  constructor(size: number) {
    super(`the range lies outside ${size} bytes`);
    this.size = size;
  }
}

/** For a body to end where a client is served from the upstream directly, at the client's own pace. */
const PASS_THROUGH_DEADLINE_MS = 10 * 60_000;
const HEAD_DEADLINE_MS = 10_000;

/**
 * Opens a blob, filling it from the upstream where the store has none.
 *
 * A stored blob is one storage operation. A cold one is filled once for all who ask; where store or fill are away, it
 * is streamed from the upstream: the mirror is never worse than none.
 *
 * @throws {@link RegistryError} `BLOB_UNKNOWN` where the repository has it not, or is not for this client
 * @throws {@link UpstreamError} where it is not stored and the upstream is away
 * @throws {@link UnsatisfiableRange}
 * @see OCI distribution spec v1.1.1, "Pulling blobs" (end-2)
 */
export async function openBlob(deps: BlobDeps, wanted: BlobWanted): Promise<ServedBlob> {
  const { digest, key } = wanted;
  const leave = await requireLeave(deps.leave, key, wanted);
  try {
    const stored = await openStored(deps, wanted, "hit");
    if (stored !== null) return await release(stored, leave);
    // Reset under this call, it is there again at once; past the store nothing could be gone on with.
    const start = await persist(() => deps.fill.open(key, digest, leave.asking), 1);
    if (start.kind === "stored") {
      const filled = await openStored(deps, wanted, "miss");
      if (filled !== null) return start.isForAll === true ? filled : await release(filled, leave);
      // Evicted as soon as it was stored.
    } else if (start.kind === "filling") {
      if (start.isForAll !== true) await leave.confirm();
      return openFilling(deps, wanted, start.size);
    } else if (start.kind !== "store-failed") throw refusal(start);
  } catch (error) {
    if (error instanceof RegistryError || error instanceof UpstreamError) throw error;
    if (error instanceof UnsatisfiableRange) throw error;
    deps.warn("a blob is served past the store", error);
  }
  return await openUpstream(deps, wanted, leave.from);
}

/**
 * Finds a blob's size without reading it: in the store, else by HEAD upstream.
 *
 * @returns `null` where the upstream has it not
 * @throws {@link RegistryError} `BLOB_UNKNOWN` where the repository has it not, or is not for this client
 * @throws {@link UpstreamError} where it is not stored and the upstream is away
 */
export async function statBlob(
  deps: BlobDeps,
  wanted: Omit<BlobWanted, "range">,
): Promise<{ readonly size: number | null; readonly outcome: "hit" | "miss" } | null> {
  const { digest, key } = wanted;
  const leave = await requireLeave(deps.leave, key, wanted);
  try {
    const stored = await deps.store.statBlob(digest);
    if (stored !== null) {
      await leave.confirm();
      return { size: stored.size, outcome: "hit" };
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    deps.warn("a blob is looked up past the store", error);
  }
  const signal = AbortSignal.timeout(HEAD_DEADLINE_MS);
  try {
    const head = await leave.from.headBlob(key.repository, digest, signal);
    return head === null ? null : { size: head.size, outcome: "miss" };
  } catch (error) {
    if (error instanceof UpstreamError && !isAway(error.failure)) return null;
    throw error;
  }
}

/** Lets what others had out, or nothing of it. */
async function release(served: ServedBlob, leave: Leave): Promise<ServedBlob> {
  try {
    await leave.confirm();
    return served;
  } catch (error) {
    await served.body.cancel();
    throw error;
  }
}

async function openStored(
  deps: BlobDeps,
  wanted: BlobWanted,
  outcome: ServedBlob["outcome"],
): Promise<ServedBlob | null> {
  const stored = await deps.store.openBlob(wanted.digest, wanted.range);
  if (stored === null) return null;
  if ("unsatisfiable" in stored) throw new UnsatisfiableRange(stored.size);
  return { ...stored, outcome };
}

function openFilling(deps: BlobDeps, wanted: BlobWanted, size: number): ServedBlob {
  const { digest, range: spec, key } = wanted;
  const range = spec === null ? null : resolveRange(spec, size);
  if (spec !== null && range === null) throw new UnsatisfiableRange(size);
  const options = { digest, fill: deps.fill, store: deps.store, upstreamName: key.upstream };
  const { body, over } = followFill(options, range ?? { first: 0, last: size - 1 });
  deps.waitUntil(over);
  return { body, size, range, outcome: "miss" };
}

async function openUpstream(
  deps: BlobDeps,
  wanted: BlobWanted,
  upstream: Upstream,
): Promise<ServedBlob> {
  const { digest, key, range: spec } = wanted;
  const deadline = new Deadline(HEAD_DEADLINE_MS);
  const { signal } = deadline;
  const head = spec === null ? null : await upstream.headBlob(key.repository, digest, signal);
  const size = head?.size ?? null;
  const range = spec === null || size === null ? null : resolveRange(spec, size);
  if (spec !== null && size !== null && range === null) throw new UnsatisfiableRange(size);
  const request = { repository: key.repository, digest, range, location: null };
  const from = await upstream.openBlob(request, signal);
  if (from === null) return unknownBlob();
  deadline.extend(PASS_THROUGH_DEADLINE_MS);
  const { body, over } = passThrough(digest, from);
  const wrong = { kind: "bad-response", upstream: key.upstream } as const;
  const tell = (isWrong: boolean): void => {
    if (isWrong) deps.failed({ ...wrong, message: "a blob whose digest is wrong" });
  };
  deps.waitUntil(over.then(tell));
  return { body, size: from.size, range: from.range, outcome: "miss", isPassed: true };
}

function refusal(
  start: Exclude<FillStart, { kind: "stored" | "filling" | "store-failed" }>,
): Error {
  if (start.kind === "absent") return new RegistryError("BLOB_UNKNOWN");
  const failure: UpstreamFailure = start.failure;
  return isAway(failure) ? new UpstreamError(failure) : new RegistryError("BLOB_UNKNOWN");
}

function unknownBlob(): never {
  throw new RegistryError("BLOB_UNKNOWN");
}
