import { type Digest, digestAlgorithm, formatDigest } from "../oci/digest.ts";
import type { ByteRange } from "../oci/range.ts";
import { StoreError } from "../store/errors.ts";
import type { BlobStore, ChunkStore, RepositoryKey } from "../store/store.ts";
import { UpstreamError, type UpstreamFailure } from "../upstream/errors.ts";
import type { BlobBody, Upstream } from "../upstream/upstream.ts";
import type { FillFailure, FillLog, FillStart, Segment } from "./blob-fill.ts";
import { ChunkFetcher } from "./chunk-fetcher.ts";
import { Deadline, transferMs } from "./deadline.ts";
import { ChunkPlan } from "./chunk-plan.ts";
import { watchPut } from "./watched-put.ts";

/** What one fill works with. */
export interface FillerOptions {
  readonly digest: Digest;
  readonly key: RepositoryKey;
  readonly store: BlobStore & ChunkStore;
  readonly upstream: Upstream;
  readonly log: FillLog;
  /** For what nobody asked about: a store that failed. */
  readonly warn: (message: string, error: unknown) => void;
}

const MIB = 1024 * 1024;
/** What the first request asks for. Its answer says how large the blob is. */
const FIRST_RANGE: ByteRange = { first: 0, last: MIB - 1 };
/** Up to here a blob goes into the store in one piece and everyone waits for it: most layers, all configs. */
const SMALL_BYTES = 16 * MIB;
/** What a body of unknown length is given time for. */
const UNKNOWN_BYTES = 1024 * MIB;

/**
 * Fills one blob, once. Small ones by one verified put; larger ones by chunks that clients follow while they come,
 * hashed in order as they are stored, and made into one object that the store verifies again at the end.
 *
 * Chunks stay in the log and the store when a fill fails for want of an upstream: the next one goes on from them.
 */
export class Filler {
  /** How the fill stands once the blob's size is known. Never rejects. */
  readonly opened: Promise<FillStart>;
  /** Settles when the fill is over, well or not. Never rejects. */
  readonly finished: Promise<FillStart>;
  readonly #options: FillerOptions;
  readonly #opening = Promise.withResolvers<FillStart>();
  #waiting = Promise.withResolvers<void>();
  #fetcher: ChunkFetcher | null = null;
  /**
   * What the opening is answered with once the store has taken a chunk or given back an older one: until then there is
   * nothing to send, and a store that turns out to be away must not have cost a client its answer.
   */
  #opens: FillStart | null = null;
  #end: FillStart | null = null;
  #verified = false;

  constructor(options: FillerOptions) {
    this.#options = options;
    this.opened = this.#opening.promise;
    this.finished = this.#run();
  }

  /** @see BlobFill.segment */
  async segment(offset: number): Promise<Segment> {
    for (;;) {
      const end = this.#endOrNull();
      if (end !== null) return end;
      this.#fetcher?.want(offset);
      const chunk = this.#fetcher?.plan.find(offset) ?? null;
      if (chunk !== null) return { kind: "chunk", chunk };
      await this.#waiting.promise;
    }
  }

  /** @see BlobFill.verified */
  async verified(): Promise<{ kind: "verified" } | FillFailure> {
    for (;;) {
      if (this.#verified) return { kind: "verified" };
      const end = this.#endOrNull();
      if (end !== null) return end.kind === "stored" ? { kind: "verified" } : end;
      await this.#waiting.promise;
    }
  }

  #endOrNull(): { readonly kind: "stored" } | FillFailure | null {
    const end = this.#end;
    // A blob that turned out absent ends every wait for it like any other answer of the upstream.
    if (end?.kind === "absent")
      return { kind: "failed", failure: this.#failure("it has no such blob") };
    return end === null || end.kind === "filling" ? null : end;
  }

  async #run(): Promise<FillStart> {
    const end = await this.#fill().catch((error: unknown) => this.#failed(error));
    this.#end = end;
    this.#opening.resolve(end);
    this.#changed();
    return end;
  }

  async #fill(): Promise<FillStart> {
    const { log, store, digest } = this.#options;
    const record = log.read();
    // A fill of unknown size writes 0 and cannot be gone on with.
    if (record?.size === 0) await this.#discard();
    else if (record !== null)
      return await this.#fillChunks(new ChunkPlan(record.size, record.chunks), null);
    if ((await store.statBlob(digest)) !== null) return { kind: "stored" };

    const deadline = new Deadline(transferMs(FIRST_RANGE));
    const first = await this.#openFirst(deadline);
    if (first === null) return { kind: "absent" };
    // Not the first range but all of it: that takes longer.
    if (first.range === null)
      deadline.extend(transferMs({ first: 0, last: first.size ?? UNKNOWN_BYTES }));
    if (first.size !== null && first.size <= SMALL_BYTES) {
      const stored = await this.#fillSmall(first, first.size);
      if (stored === "stored") return { kind: "stored", fetchedBytes: first.size };
      // Its size was the other source's word, too.
      if (stored === "wrong") return await this.#fill();
      return await this.#fillChunks(new ChunkPlan(first.size), null);
    }
    if (first.size === null) return await this.#fillOfUnknownSize(first);
    return await this.#fillChunks(new ChunkPlan(first.size), first);
  }

  async #openFirst(deadline: Deadline): Promise<BlobBody | null> {
    let first: BlobBody | null;
    try {
      first = await this.#open(FIRST_RANGE, { deadline });
    } catch (error) {
      // An empty blob has no first byte.
      if (error instanceof UpstreamError && error.failure.status === 416)
        return await this.#open(null, { deadline });
      throw error;
    }
    if (first === null || first.size !== null) return first;
    // A range of an encoded body is of no use.
    await first.body.cancel();
    return await this.#open(null, { deadline });
  }

  #open(
    range: ByteRange | null,
    how: { readonly deadline: Deadline; readonly location?: string | null },
  ): Promise<BlobBody | null> {
    const { upstream, key, digest } = this.#options;
    const request = { repository: key.repository, digest, range, location: how.location ?? null };
    return upstream.openBlob(request, how.deadline.signal);
  }

  /** @returns `broken` where the connection was, which chunks can deal with; `wrong` where another source may be right */
  async #fillSmall(first: BlobBody, size: number): Promise<"stored" | "broken" | "wrong"> {
    const { store, digest, upstream } = this.#options;
    try {
      const body = await this.#whole(first, size);
      await watchPut(store, digest, store.putBlob(digest, body));
      return "stored";
    } catch (error) {
      if (!(error instanceof StoreError)) return "broken";
      if (error.kind === "failed") throw error;
    }
    if (upstream.distrustBlob?.() === true) return "wrong";
    // Wrong bytes once can be a broken transfer; wrong bytes twice are what the upstream has.
    const deadline = new Deadline(transferMs({ first: 0, last: size }));
    const again = await this.#open(null, { deadline });
    if (again?.size !== size || again.range !== null) throw this.#wrongDigest();
    const put = store.putBlob(digest, again.body);
    await watchPut(store, digest, put).catch((error: unknown) => {
      throw error instanceof StoreError && error.kind === "digest-mismatch"
        ? this.#wrongDigest(error)
        : error;
    });
    return "stored";
  }

  /** Joins the first range and the rest into one stream of known length. Native pipes, no copying here. */
  async #whole(first: BlobBody, size: number): Promise<ReadableStream<Uint8Array>> {
    const end = first.range === null ? size : first.range.last + 1;
    if (end === size) return first.body;
    const range = { first: end, last: size - 1 };
    const how = { deadline: new Deadline(transferMs(range)), location: first.location };
    const rest = await this.#open(range, how);
    if (rest === null || rest.range?.first !== end) throw this.#brokenRange();
    const { readable, writable } = new FixedLengthStream(size);
    const joining = async (): Promise<void> => {
      await first.body.pipeTo(writable, { preventClose: true });
      await rest.body.pipeTo(writable);
    };
    // The reader sees the same error as this promise.
    joining().catch((error: unknown) => writable.abort(error).catch(() => undefined));
    return readable;
  }

  async #fillChunks(plan: ChunkPlan, first: BlobBody | null): Promise<FillStart> {
    const { key, log } = this.#options;
    if (plan.chunks.length === 0) log.begin(key, plan.size);
    this.#opens = { kind: "filling", size: plan.size };
    const changed = (): void => {
      this.#proved();
      this.#changed();
    };
    const fetcher = new ChunkFetcher({ ...this.#options, plan, changed });
    this.#fetcher = fetcher;
    const fetching = fetcher.run(first);
    try {
      await Promise.all([fetching, this.#verify(plan, fetching)]);
    } finally {
      fetcher.stop();
    }
    await fetcher.letReadersFinish();
    return await this.#compact(plan);
  }

  /** An encoded or chunked answer: its length is known once it is all here, and clients wait till then. */
  async #fillOfUnknownSize(first: BlobBody): Promise<FillStart> {
    const { key, log } = this.#options;
    const plan = new ChunkPlan(Number.MAX_SAFE_INTEGER);
    const fetcher = new ChunkFetcher({ ...this.#options, plan, changed: () => this.#changed() });
    log.begin(key, 0);
    const size = await fetcher.readAll(first);
    const whole = new ChunkPlan(size, plan.chunks);
    await this.#verify(whole, Promise.resolve());
    return await this.#compact(whole);
  }

  /** Hashes the chunks in order as they come. */
  async #verify(plan: ChunkPlan, fetching: Promise<void>): Promise<void> {
    const { digest, store } = this.#options;
    const algorithm = digestAlgorithm(digest);
    const hash = new crypto.DigestStream(algorithm === "sha256" ? "SHA-256" : "SHA-512");
    // Not awaited if the fetching fails first.
    hash.digest.catch(() => undefined);
    for (let offset = 0; offset < plan.size;) {
      const chunk = plan.find(offset);
      if (chunk === null) {
        await Promise.race([this.#waiting.promise, fetching]);
        continue;
      }
      const body = await store.openChunk(digest, chunk, { first: offset, last: chunk.last });
      if (body === null) throw this.#lostChunk();
      await body.pipeTo(hash, { preventClose: true });
      offset = chunk.last + 1;
      this.#proved();
    }
    await hash.getWriter().close();
    if (formatDigest(algorithm, await hash.digest) !== digest) {
      this.#options.upstream.distrustBlob?.();
      throw this.#wrongDigest();
    }
    this.#verified = true;
    this.#changed();
  }

  /** Makes one object of the chunks. They are deleted later, when no client can still be reading them. */
  async #compact(plan: ChunkPlan): Promise<FillStart> {
    const { digest, store } = this.#options;
    const { readable, writable } = new FixedLengthStream(plan.size);
    const joining = async (): Promise<void> => {
      for (const chunk of plan.chunks) {
        const body = await store.openChunk(digest, chunk, chunk);
        if (body === null) throw this.#lostChunk();
        await body.pipeTo(writable, { preventClose: true });
      }
      await writable.close();
    };
    const put = watchPut(store, digest, store.putBlob(digest, readable));
    const joined = joining().catch(async (error: unknown) => {
      await writable.abort(error).catch(() => undefined);
      throw error;
    });
    await Promise.all([put, joined]);
    return { kind: "stored", fetchedBytes: plan.size };
  }

  async #failed(error: unknown): Promise<FillStart> {
    if (error instanceof StoreError) {
      // A store that calls verified chunks wrong, or has lost one, has nothing that is worth going on from.
      if (error.kind === "digest-mismatch") await this.#discard();
    }
    if (!(error instanceof UpstreamError)) {
      this.#options.warn("a fill failed at the store", error);
      return { kind: "store-failed" };
    }
    if (error.failure.kind === "bad-response" && error.failure.status === undefined)
      await this.#discard();
    return { kind: "failed", failure: error.failure };
  }

  async #discard(): Promise<void> {
    const { log, store, digest } = this.#options;
    const chunks = log.read()?.chunks ?? [];
    log.clear();
    await store.deleteChunks(digest, chunks).catch(() => undefined);
  }

  /** The store has shown that it works. */
  #proved(): void {
    if (this.#opens !== null) this.#opening.resolve(this.#opens);
  }

  #changed(): void {
    this.#waiting.resolve();
    this.#waiting = Promise.withResolvers<void>();
  }

  #failure(message: string): UpstreamFailure {
    return { kind: "bad-response", upstream: this.#options.upstream.name, message };
  }

  #wrongDigest(cause?: unknown): UpstreamError {
    return new UpstreamError(this.#failure("a blob whose digest is wrong"), { cause });
  }

  #brokenRange(): UpstreamError {
    return new UpstreamError(this.#failure("a range that was not asked for"));
  }

  #lostChunk(): StoreError {
    return new StoreError("digest-mismatch", { operation: "read chunk", cause: "a chunk is gone" });
  }
}
