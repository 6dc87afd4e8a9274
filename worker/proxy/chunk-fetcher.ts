import type { Digest } from "../oci/digest.ts";
import type { ByteRange } from "../oci/range.ts";
import { StoreError } from "../store/errors.ts";
import type { ChunkStore, RepositoryKey } from "../store/store.ts";
import { UpstreamError, type UpstreamFailureKind } from "../upstream/errors.ts";
import type { BlobBody, BlobLocation, Upstream } from "../upstream/upstream.ts";
import type { FillLog } from "./blob-fill.ts";
import { type ChunkPlan, PARALLEL_CHUNKS } from "./chunk-plan.ts";
import { transferMs } from "./deadline.ts";
import { Readers } from "./readers.ts";
import { watchPut } from "./watched-put.ts";

/** What the fetcher works with. */
export interface ChunkFetcherOptions {
  readonly digest: Digest;
  readonly key: RepositoryKey;
  readonly store: ChunkStore;
  readonly upstream: Upstream;
  readonly log: FillLog;
  readonly plan: ChunkPlan;
  /** Called when a chunk has been stored. */
  readonly changed: () => void;
}

const MIB = 1024 * 1024;
/** Failures in a row, without a byte stored in between, after which the fill gives up. */
const MAX_FAILURES = 12;
/** A refusal is not mended by asking again, but a token or a signed URL may have ended at a bad moment. */
const MAX_REFUSALS = 2;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** Pieces of a body that is read here because the upstream ignores ranges. */
const READ_CHUNK_BYTES = 4 * MIB;

const FINAL: ReadonlySet<UpstreamFailureKind> = new Set(["unauthorized", "untrusted-host"]);

/** Brings all chunks of a plan into the store, a few at a time, through broken connections and expired locations. */
export class ChunkFetcher {
  readonly plan: ChunkPlan;
  readonly #options: ChunkFetcherOptions;
  readonly #stopping = new AbortController();
  readonly #readers = new Readers();
  #location: BlobLocation | null = null;
  #wanted: number | null = null;
  #failures = 0;
  /** Set when the upstream turns out to ignore ranges: from then on one stream is read in order. */
  #inOrder: BlobBody | null = null;

  constructor(options: ChunkFetcherOptions) {
    this.#options = options;
    this.plan = options.plan;
  }

  /** Notes that a client reads on from a byte; if it is not stored yet, its chunk goes first. */
  want(offset: number): void {
    this.#readers.seen(offset);
    if (this.plan.find(offset) === null) this.#wanted = offset;
  }

  /** Waits until clients that keep up have read what is stored, or for a short while. */
  letReadersFinish(): Promise<void> {
    return this.#readers.letFinish();
  }

  /** Ends what is under way. */
  stop(): void {
    this.#stopping.abort();
  }

  /**
   * Fetches until the plan is complete.
   *
   * @param first - an answer that is already open at byte 0; used up in any case
   * @throws {@link UpstreamError} where the upstream fails for good; what is stored by then stays
   * @throws {@link StoreError} where the store takes no more
   */
  async run(first: BlobBody | null): Promise<void> {
    const running = new Set<Promise<void>>();
    const start = (chunk: ByteRange, open: BlobBody | null): void => {
      const work = this.#fetchChunk(chunk, open).finally(() => running.delete(work));
      work.catch(() => undefined);
      running.add(work);
    };
    if (first !== null) this.#startWith(first, start);
    while (!this.plan.complete) {
      if (this.#inOrder !== null) {
        await Promise.all(running);
        await this.#readInOrder(this.#inOrder);
        return;
      }
      if (running.size < PARALLEL_CHUNKS) await this.#readers.letCatchUp(this.plan.contiguous);
      const chunk = running.size < PARALLEL_CHUNKS ? this.plan.next(this.#wanted) : null;
      this.#wanted = null;
      if (chunk !== null) start(chunk, null);
      // The last ones may have ended during the pause above: a race of none would never end.
      else if (running.size > 0) await Promise.race(running);
    }
    await Promise.all(running);
  }

  #startWith(first: BlobBody, start: (chunk: ByteRange, open: BlobBody | null) => void): void {
    this.#location = first.location;
    if (first.range === null) {
      this.#inOrder = first;
      return;
    }
    const chunk = this.plan.next(null);
    if (chunk !== null) start(chunk, chunk.last === first.range.last ? first : null);
  }

  /** One try at a chunk; a failure is noted in the plan and thrown only when it is one too many. */
  async #fetchChunk(chunk: ByteRange, open: BlobBody | null): Promise<void> {
    const { store, digest, log, changed } = this.#options;
    const startedAt = Date.now();
    try {
      const body = open ?? (await this.#open(chunk));
      if (body === null) {
        this.plan.failed(chunk);
        return;
      }
      await watchPut(store, digest, store.putChunk(digest, chunk, body.body));
    } catch (error) {
      this.plan.failed(chunk);
      await this.#afterFailure(error);
      return;
    }
    log.addChunk(chunk);
    this.#failures = 0;
    this.plan.stored(chunk, Date.now() - startedAt);
    changed();
  }

  /** Opens a range; `null` where the upstream sends the whole blob in its place. */
  async #open(chunk: ByteRange): Promise<BlobBody | null> {
    const body = await this.#request(chunk);
    if (body.range === null) {
      if (this.#inOrder === null) this.#inOrder = body;
      else await body.body.cancel();
      return null;
    }
    if (body.range.first !== chunk.first || body.range.last !== chunk.last)
      throw this.#error("bad-response", "a range that was not asked for");
    return body;
  }

  async #request(range: ByteRange): Promise<BlobBody> {
    const { upstream, key, digest, plan } = this.#options;
    const deadline = AbortSignal.timeout(transferMs(range));
    const signal = AbortSignal.any([this.#stopping.signal, deadline]);
    const request = { repository: key.repository, digest, range, location: this.#location };
    const body = await upstream.openBlob(request, signal);
    if (body === null) throw this.#error("unauthorized", "it has no such blob any more");
    this.#location = body.location;
    if (body.size !== null && body.size !== plan.size && plan.size !== Number.MAX_SAFE_INTEGER)
      throw this.#error("bad-response", "a blob that has changed its size");
    return body;
  }

  async #afterFailure(error: unknown): Promise<void> {
    if (error instanceof StoreError || this.#stopping.signal.aborted) throw error;
    this.#failures += 1;
    // What is no error of ours comes from the body that was being stored: the connection broke.
    const failure =
      error instanceof UpstreamError
        ? error
        : this.#error("unreachable", "the connection broke", { cause: error });
    const limit = FINAL.has(failure.failure.kind) ? MAX_REFUSALS : MAX_FAILURES;
    if (this.#failures >= limit) throw failure;
    this.#location = null;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }

  /** Reads the rest of the plan from whole answers, passing over what is stored, until it is complete. */
  async #readInOrder(first: BlobBody): Promise<void> {
    let body: BlobBody | null = first;
    while (!this.plan.complete) {
      try {
        body ??= await this.#request({ first: 0, last: this.plan.size - 1 });
        await this.#split(body.body);
        if (!this.plan.complete) throw this.#error("bad-response", "a body too short");
      } catch (error) {
        await this.#afterFailure(error);
      }
      body = null;
    }
  }

  /**
   * Reads a body of unknown length into chunks.
   *
   * @returns its length in bytes
   * @throws {@link UpstreamError} where the connection breaks: what has no length cannot be resumed
   */
  async readAll(first: BlobBody): Promise<number> {
    try {
      return await this.#split(first.body);
    } catch (error) {
      if (error instanceof StoreError || error instanceof UpstreamError) throw error;
      throw this.#error("unreachable", "the connection broke", { cause: error });
    }
  }

  /**
   * Cuts a body into stored chunks of 4 MiB; what the plan has already is read and dropped.
   *
   * @returns the number of bytes read
   */
  async #split(body: ReadableStream<Uint8Array>): Promise<number> {
    const buffer = new Uint8Array(READ_CHUNK_BYTES);
    let filled = 0;
    let offset = 0;
    for await (const read of body) {
      for (let rest = read; rest.byteLength > 0;) {
        if (offset >= this.plan.size) throw this.#error("bad-response", "a body too long");
        const room = this.plan.room(offset);
        const held = room === 0 ? (this.plan.find(offset)?.last ?? offset) + 1 - offset : 0;
        const length = Math.min(
          rest.byteLength,
          held || Math.min(room, buffer.byteLength - filled),
        );
        if (held === 0) buffer.set(rest.subarray(0, length), filled);
        filled += held === 0 ? length : 0;
        offset += length;
        rest = rest.subarray(length);
        const full = filled === buffer.byteLength || this.plan.room(offset) === 0;
        if (filled > 0 && full) filled = await this.#put(offset - filled, buffer.slice(0, filled));
      }
    }
    if (filled > 0) await this.#put(offset - filled, buffer.slice(0, filled));
    return offset;
  }

  /** @returns how much of the buffer is filled then: nothing */
  async #put(first: number, bytes: Uint8Array): Promise<0> {
    const { store, digest, log, changed } = this.#options;
    const chunk = { first, last: first + bytes.byteLength - 1 };
    await store.putChunk(digest, chunk, bytes);
    log.addChunk(chunk);
    this.#failures = 0;
    this.plan.stored(chunk, 1);
    changed();
    return 0;
  }

  #error(
    kind: UpstreamFailureKind,
    message: string,
    options?: { readonly cause?: unknown },
  ): UpstreamError {
    return new UpstreamError({ kind, upstream: this.#options.upstream.name, message }, options);
  }
}
