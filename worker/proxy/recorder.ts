import type {
  BlobSum,
  Client,
  Ledger,
  LedgerBatch,
  ManifestNames,
  PullEvent,
  QuotaSeen,
  RepositoryId,
  SeenTag,
} from "../ledger/ledger.ts";
import type { Digest } from "../oci/digest.ts";
import { type Descriptor, readManifest } from "../oci/manifest.ts";
import { ByteLru } from "./byte-lru.ts";

/*
 * What may be lost: an isolate that dies takes with it what it has not told yet, which is at most what it saw in the last
 * FLUSH_MS and the batch under way; under load a batch goes at BATCH records and after SHORTEST_MS. A ledger that cannot be reached costs the
 * batches sent to it meanwhile: they are counted, logged, told with the next batch, and the log says that it is
 * complete only since then. No pull waits for any of it or fails by it.
 */

/** So many pulls and blobs go without waiting for the timer, */
const BATCH = 100;
/** but not within this long of the last batch: a busy isolate sends few large batches, which cost less each pull. */
const SHORTEST_MS = 500;
/** So long the first record of a batch waits. The platform lets work go on for 30 s after an answer. */
const FLUSH_MS = 2_000;
/** A timer that has not fired after this long died with its request. */
const TIMER_DEAD_MS = 10_000;
/** While a batch is under way records gather, and beyond this many they are dropped: 5 MB at most. */
const MAX_HELD = 10_000;
/** 4 MiB: manifests whose names were told, about 30,000. */
const TOLD_BYTES = 4 * 1024 * 1024;
const TOLD_ENTRY_BYTES = 128;
/** Longer ones are no client's but somebody's joke. */
const MAX_USER_AGENT = 256;

/** A manifest that was served, to be recorded. */
export interface ServedPull extends Omit<PullEvent, "id" | "client"> {
  readonly client: Client;
  readonly bytes: Uint8Array;
}

/** What of a request a record needs to outlive its answer. */
export interface Flushing {
  readonly ledger: () => Pick<Ledger, "record">;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

interface Held {
  pulls: PullEvent[];
  readonly tags: Map<string, SeenTag>;
  manifests: ManifestNames[];
  readonly blobs: Map<string, BlobSum>;
  readonly fetched: { timeMs: number; bytes: number }[];
  readonly quotas: Map<string, QuotaSeen>;
  readonly failures: Record<string, number>;
}

/** Gathers what one isolate saw, and tells the ledger in batches after the answers. */
export class Recorder {
  readonly #warn: (message: string, error: unknown) => void;
  readonly #now: () => number;
  readonly #told = new ByteLru<string, true>(TOLD_BYTES);
  #held: Held = nothing();
  #records = 0;
  #lost: { count: number; lastMs: number } | null = null;
  #timerSetAt: number | null = null;
  #sending = 0;
  #sentAt = 0;
  #serial = 0;
  #isolate = "";

  constructor(options: {
    readonly warn: (message: string, error: unknown) => void;
    readonly now: () => number;
  }) {
    this.#warn = options.warn;
    this.#now = options.now;
  }

  /** A manifest GET was answered 200. */
  pull({ bytes, client, ...pull }: ServedPull, flushing: Flushing): void {
    if (!this.#take(pull.timeMs)) return;
    this.#held.pulls.push({ ...pull, id: this.#nextId(), client: cut(client) });
    const { upstream, repository, digest, size, mediaType } = pull;
    const name = `${upstream}/${repository}@${digest}`;
    if (this.#told.get(name) === undefined) {
      this.#told.set(name, true, TOLD_ENTRY_BYTES + name.length);
      const { blobs = [] } = readManifest(new TextDecoder().decode(bytes), mediaType) ?? {};
      this.#held.manifests.push({ upstream, repository, digest, size, blobs: blobs.map(sized) });
    }
    this.#plan(flushing);
  }

  /** A tag was asked for by HEAD and answered. */
  tag(seen: SeenTag, flushing: Flushing): void {
    const name = `${seen.upstream}/${seen.repository}:${seen.tag}`;
    if (!this.#held.tags.has(name) && !this.#take(null)) return;
    this.#held.tags.set(name, seen);
    this.#plan(flushing);
  }

  /** A blob GET was answered 200 or 206 with so many bytes. */
  blob(
    blob: RepositoryId & {
      readonly digest: Digest;
      readonly client: Client;
      readonly timeMs: number;
      readonly outcome: "hit" | "miss";
      readonly bytes: number;
    },
    flushing: Flushing,
  ): void {
    const { outcome, bytes, timeMs, upstream, repository, digest } = blob;
    const client = cut(blob.client);
    const name = [upstream, repository, digest, client.address, client.userAgent].join("\n");
    const known = this.#held.blobs.get(name);
    if (known === undefined && !this.#take(null)) return;
    const hit = outcome === "hit" ? 1 : 0;
    this.#held.blobs.set(name, {
      upstream,
      repository,
      digest,
      client,
      timeMs,
      hits: (known?.hits ?? 0) + hit,
      misses: (known?.misses ?? 0) + 1 - hit,
      bytes: (known?.bytes ?? 0) + bytes,
    });
    this.#plan(flushing);
  }

  /** A blob came whole from an upstream. */
  fetched(bytes: number, flushing: Flushing): void {
    if (!this.#take(null)) return;
    this.#held.fetched.push({ timeMs: this.#now(), bytes });
    this.#plan(flushing);
  }

  /** An upstream told what is left of its limit. */
  quota(quota: QuotaSeen, flushing: Flushing): void {
    this.#held.quotas.set(quota.credential, quota);
    this.#plan(flushing);
  }

  /** An answer met an upstream that could not say. */
  failure(kind: string, flushing: Flushing): void {
    this.#held.failures[kind] = (this.#held.failures[kind] ?? 0) + 1;
    this.#plan(flushing);
  }

  /** Makes room for a record, or counts it as lost. */
  #take(pullMs: number | null): boolean {
    if (this.#records >= MAX_HELD) {
      this.#lose(1, pullMs ?? 0);
      return false;
    }
    this.#records += 1;
    return true;
  }

  #plan(flushing: Flushing): void {
    // While a batch is under way the next one grows: a ledger that is slow gets fewer and larger ones.
    const now = this.#now();
    const isDue = this.#records >= BATCH && now - this.#sentAt >= SHORTEST_MS;
    if (isDue && this.#sending === 0) {
      flushing.waitUntil(this.#flush(flushing));
      return;
    }
    if (this.#timerSetAt !== null && now - this.#timerSetAt < TIMER_DEAD_MS) return;
    this.#timerSetAt = now;
    flushing.waitUntil(this.#flushLater(flushing));
  }

  async #flushLater(flushing: Flushing): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, FLUSH_MS));
    this.#timerSetAt = null;
    await this.#flush(flushing);
  }

  async #flush({ ledger }: Flushing): Promise<void> {
    const { pulls, tags, manifests, blobs, fetched, quotas, failures } = this.#held;
    const records = this.#records;
    const lost = this.#lost;
    if (records === 0 && quotas.size === 0 && Object.keys(failures).length === 0) return;
    this.#held = nothing();
    this.#records = 0;
    this.#lost = null;
    const batch: LedgerBatch = {
      pulls,
      tags: [...tags.values()],
      manifests,
      blobs: [...blobs.values()],
      fetched,
      quotas: [...quotas.values()],
      failures,
      lost,
    };
    this.#sending += 1;
    this.#sentAt = this.#now();
    try {
      await ledger().record(batch);
    } catch (error) {
      this.#lose(records, pulls.at(-1)?.timeMs ?? 0);
      if (lost !== null) this.#lose(lost.count, lost.lastMs);
      // What they name would else never be told.
      for (const { upstream, repository, digest } of manifests)
        this.#told.delete(`${upstream}/${repository}@${digest}`);
      this.#warn(`${records} records of pulls were lost`, error);
    } finally {
      this.#sending -= 1;
    }
  }

  #lose(count: number, lastMs: number): void {
    const { count: before, lastMs: until } = this.#lost ?? { count: 0, lastMs: 0 };
    this.#lost = { count: before + count, lastMs: Math.max(until, lastMs) };
  }

  #nextId(): string {
    // Not in the constructor: an isolate may have no randomness before its first request.
    if (this.#isolate === "") this.#isolate = crypto.randomUUID().slice(0, 13).replace("-", "");
    this.#serial += 1;
    // Of one length, so that pulls of one millisecond stay in their order.
    return `${this.#isolate}-${this.#serial.toString(36).padStart(7, "0")}`;
  }
}

function nothing(): Held {
  return {
    pulls: [],
    tags: new Map(),
    manifests: [],
    blobs: new Map(),
    fetched: [],
    quotas: new Map(),
    failures: {},
  };
}

function cut({ address, userAgent }: Client): Client {
  return { address, userAgent: userAgent.slice(0, MAX_USER_AGENT) };
}

function sized({ digest, size }: Descriptor): { digest: Digest; size: number } {
  return { digest, size };
}
