import { BatchBuilder, lastPullMs } from "../ledger/batch.ts";
import type {
  BlobSum,
  Fetched,
  Ledger,
  LedgerBatch,
  PullEvent,
  QuotaSeen,
  SeenManifest,
  SeenTag,
} from "../ledger/ledger.ts";
import { readManifest } from "../oci/manifest.ts";
import { ByteLru } from "./byte-lru.ts";

/*
 * What may be lost: an isolate that dies takes with it what it has not told yet, which is at most what it saw in the last
 * FLUSH_MS and the batch under way; under load a batch goes at BATCH records and after SHORTEST_MS. Nobody can count that:
 * the ledger would have to be told before of each record that it will be, at twice the calls. A ledger that cannot be
 * reached is told again with the next batch; what is given up then, or finds no room meanwhile, is counted, logged and
 * told once it can be, and the log says that it is complete only since then. No pull waits for any of it or fails by it.
 */

/** So many pulls and blobs go without waiting for the timer, */
const BATCH = 100;
/** but not within this long of the last batch: a busy isolate sends few large batches, which cost less each pull. */
const SHORTEST_MS = 500;
/** So long the first record of a batch waits. The platform lets work go on for 30 s after an answer. */
const FLUSH_MS = 2_000;
/** A timer that has not fired after this long died with its request, and so did a call that has not come back. */
const DEAD_MS = 10_000;
/** So often a batch is told before it is given up: some minutes of an outage. */
const MAX_ATTEMPTS = 100;
/** Records that wait for the ledger; beyond this many they are dropped: 5 MB at most without names, */
const MAX_HELD = 10_000;
/** in so many batches: what comes then, counts of failures among it, is held as one until there is room. */
const MAX_BATCHES = 20;
/** 4 MiB: manifests whose names were told, about 30,000. */
const TOLD_BYTES = 4 * 1024 * 1024;
const TOLD_ENTRY_BYTES = 128;
/**
 * With so many names waiting, the next manifest's are told with a later pull of it: a manifest may name 40,000 blobs, and
 * several of them are more than the 32 MB that a call to the ledger may have.
 */
const MAX_NAMES = 50_000;
/** Names are told again after this long: the ledger forgets them a day after the last pull at the earliest. */
const TOLD_MS = 12 * 3_600_000;

/** What of a request a record needs to outlive its answer. */
export interface Flushing {
  readonly ledger: () => Pick<Ledger, "record">;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** A batch on its way to the ledger. */
interface Outgoing {
  readonly batch: LedgerBatch;
  readonly records: number;
  readonly names: number;
  attempts: number;
}

/** Gathers what one isolate saw, and tells the ledger in batches after the answers. */
export class Recorder {
  readonly #warn: (message: string, error: unknown) => void;
  readonly #now: () => number;
  readonly #told = new ByteLru<string, number>(TOLD_BYTES);
  readonly #outgoing: Outgoing[] = [];
  #held = new BatchBuilder();
  #heldNames = 0;
  #waiting = 0;
  #waitingNames = 0;
  #lost: { count: number; lastMs: number } | null = null;
  #timerSetAt: number | null = null;
  #sendingSince: number | null = null;
  #sentAt = 0;

  constructor(options: {
    readonly warn: (message: string, error: unknown) => void;
    readonly now: () => number;
  }) {
    this.#warn = options.warn;
    this.#now = options.now;
  }

  /** A manifest GET was answered 200 with these bytes. */
  pull(event: PullEvent, bytes: Uint8Array, flushing: Flushing): void {
    if (!this.#hasRoom(event.timeMs, flushing)) return;
    this.#held.pull(event, () => this.#tell(event, bytes));
    this.#plan(flushing);
  }

  /** A tag was asked for by HEAD and answered. */
  tag(seen: SeenTag, flushing: Flushing): void {
    if (!this.#hasRoom(null, flushing)) return;
    this.#held.tag(seen);
    this.#plan(flushing);
  }

  /** A blob GET was answered 200 or 206 with so many bytes. */
  blob(
    blob: Omit<BlobSum, "hits" | "misses"> & { readonly outcome: "hit" | "miss" },
    flushing: Flushing,
  ): void {
    if (!this.#hasRoom(null, flushing)) return;
    const { outcome, ...rest } = blob;
    const hits = outcome === "hit" ? 1 : 0;
    this.#held.blob({ ...rest, hits, misses: 1 - hits });
    this.#plan(flushing);
  }

  /** Something came from an upstream that no counted pull tells of. */
  fetched(fetched: Omit<Fetched, "timeMs">, flushing: Flushing): void {
    if (!this.#hasRoom(null, flushing)) return;
    this.#held.fetched({ ...fetched, timeMs: this.#now() });
    this.#plan(flushing);
  }

  /** An upstream told what is left of its limit. */
  quota(quota: QuotaSeen, flushing: Flushing): void {
    this.#held.quota(quota);
    this.#plan(flushing);
  }

  /**
   * An upstream was asked and answered as it should.
   *
   * @param seen - `isAllowed`: with room for a pull under its limit
   */
  answered(
    seen: { readonly upstream: string; readonly isAllowed: boolean },
    flushing: Flushing,
  ): void {
    this.#held.answered(seen.upstream, { timeMs: this.#now(), isAllowed: seen.isAllowed });
    this.#plan(flushing);
  }

  /** An answer met an upstream that could not say. */
  failure(
    { upstream, kind }: { readonly upstream: string; readonly kind: string },
    flushing: Flushing,
  ): void {
    this.#held.failure(upstream, { timeMs: this.#now(), kind });
    this.#plan(flushing);
  }

  /** Reads what a manifest names, unless this isolate has told it lately. */
  #tell(event: PullEvent, bytes: Uint8Array): SeenManifest["blobs"] {
    const name = manifestName(event);
    const toldAt = this.#told.get(name);
    if (toldAt !== undefined && this.#now() - toldAt < TOLD_MS) return null;
    if (this.#heldNames + this.#waitingNames >= MAX_NAMES) return null;
    this.#told.set(name, this.#now(), TOLD_ENTRY_BYTES + name.length);
    const { blobs = [] } = readManifest(new TextDecoder().decode(bytes), event.mediaType) ?? {};
    this.#heldNames += blobs.length;
    return blobs.map(({ digest, size }) => ({ digest, size }));
  }

  /** Whether one more record may be held; one that may not is counted as lost. */
  #hasRoom(pullMs: number | null, flushing: Flushing): boolean {
    if (this.#waiting + this.#held.records < MAX_HELD) return true;
    this.#lose(1, pullMs ?? 0);
    this.#plan(flushing);
    return false;
  }

  #plan(flushing: Flushing): void {
    // While a batch is under way the next one grows: a ledger that is slow gets fewer and larger ones.
    const now = this.#now();
    const isDue = now - this.#sentAt >= SHORTEST_MS && this.#held.records >= BATCH;
    if (isDue && !this.#isSending(now)) {
      flushing.waitUntil(this.#flush(flushing));
      return;
    }
    if (this.#timerSetAt !== null && now - this.#timerSetAt < DEAD_MS) return;
    this.#timerSetAt = now;
    flushing.waitUntil(this.#flushLater(flushing));
  }

  async #flushLater(flushing: Flushing): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, FLUSH_MS));
    this.#timerSetAt = null;
    await this.#flush(flushing);
  }

  async #flush({ ledger }: Flushing): Promise<void> {
    this.#pack();
    if (this.#isSending(this.#now())) return;
    this.#sendingSince = this.#now();
    let next: Outgoing | undefined;
    try {
      while ((next = this.#outgoing[0]) !== undefined) {
        this.#sentAt = this.#now();
        await ledger().record(next.batch);
        const wasFull = this.#isFull;
        this.#drop(next);
        // What found no room before goes at once: nothing may come that would take it along.
        if (wasFull) this.#pack();
      }
    } catch (error) {
      this.#warn("the ledger could not be told", error);
      if (next !== undefined) this.#tryAgain(next);
    } finally {
      this.#sendingSince = null;
    }
  }

  get #isFull(): boolean {
    return this.#outgoing.length >= MAX_BATCHES;
  }

  /** Makes a batch of what is held, where there is room for one more. */
  #pack(): void {
    const held = this.#held;
    if (this.#isFull || (held.empty && this.#lost === null)) return;
    const { records } = held;
    const batch = held.build(crypto.randomUUID(), this.#lost);
    this.#queue({ batch, records, names: this.#heldNames, attempts: 0 });
    this.#held = new BatchBuilder();
    this.#heldNames = 0;
    this.#lost = null;
  }

  /** One that died with its request's context is not waited for; the ledger knows a batch that comes twice. */
  #isSending(now: number): boolean {
    return this.#sendingSince !== null && now - this.#sendingSince < DEAD_MS;
  }

  /** Keeps a batch for another try, behind the others: one that the ledger cannot take must not hold them up. */
  #tryAgain(failed: Outgoing): void {
    this.#drop(failed);
    failed.attempts += 1;
    if (failed.attempts < MAX_ATTEMPTS) {
      this.#queue(failed);
      return;
    }
    const { batch, records } = failed;
    this.#lose(records, lastPullMs(batch));
    if (batch.lost !== null) this.#lose(batch.lost.count, batch.lost.lastMs);
    this.#held.keep(batch);
    // What they name would else never be told.
    for (const manifest of batch.manifests) this.#told.delete(manifestName(manifest));
  }

  #queue(outgoing: Outgoing): void {
    this.#outgoing.push(outgoing);
    this.#waiting += outgoing.records;
    this.#waitingNames += outgoing.names;
  }

  #drop(outgoing: Outgoing): void {
    const place = this.#outgoing.indexOf(outgoing);
    if (place < 0) return;
    this.#outgoing.splice(place, 1);
    this.#waiting -= outgoing.records;
    this.#waitingNames -= outgoing.names;
  }

  #lose(count: number, lastMs: number): void {
    const { count: before, lastMs: until } = this.#lost ?? { count: 0, lastMs: 0 };
    this.#lost = { count: before + count, lastMs: Math.max(until, lastMs) };
  }
}

function manifestName({ upstream, repository, digest }: Omit<SeenManifest, "blobs">): string {
  return `${upstream}/${repository}@${digest}`;
}
