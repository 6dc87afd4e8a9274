import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import type { Digest } from "../oci/digest.ts";
import { createParts } from "../parts.ts";
import type { BlobFill, FillFailure, FillStart, Segment } from "../proxy/blob-fill.ts";
import { Filler } from "../proxy/filler.ts";
import type { Asking } from "../proxy/proof.ts";
import type { RepositoryKey } from "../store/store.ts";
import type { UpstreamFailure } from "../upstream/errors.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { finderOf, findUpstream } from "../upstream/upstreams.ts";
import { type DurableFillLog, createFillLog } from "./fill-log.ts";

/** While a fill by chunks runs it is looked after this often: an evicted one is taken up, client or no client. */
const WATCH_MS = 30_000;
/** Chunks outlive the fill, for clients that are still reading them; a failed fill's, for the next try. */
const LINGER_MS = 15 * 60_000;

/** One object per digest: fills the blob once, for all clients of all repositories. */
export class BlobFillObject extends DurableObject<Env> implements BlobFill {
  #filler: Filler | null = null;
  #asked: RepositoryKey | null = null;
  /** Whether the running fill has everything through a public repository. */
  #isForAll = false;

  async open(key: RepositoryKey, digest: Digest, asking: Asking): Promise<FillStart> {
    const start = await this.#open(key, digest, asking);
    const isFetched = start.kind === "filling" || (start.kind === "stored" && start.fetchedBytes);
    return isFetched ? { ...start, isForAll: this.#isForAll } : start;
  }

  async #open(key: RepositoryKey, digest: Digest, asking: Asking): Promise<FillStart> {
    const joined = this.#filler;
    const asked = this.#asked;
    if (joined === null) return await this.#start(key, digest, asking).opened;
    const start = await joined.opened;
    const refused =
      start.kind === "absent" || (start.kind === "failed" && start.failure.kind === "unauthorized");
    // Another repository's "no" is not this one's.
    const sameAsked = asked?.repository === key.repository && asked.upstream === key.upstream;
    if (!refused || sameAsked) return start;
    await joined.finished;
    return await (this.#filler ?? this.#start(key, digest, asking)).opened;
  }

  async segment(digest: Digest, offset: number): Promise<Segment> {
    return (await this.#resume(digest)?.segment(offset)) ?? (await this.#outcome(digest));
  }

  async verified(digest: Digest): Promise<{ readonly kind: "verified" } | FillFailure> {
    const filler = this.#resume(digest);
    if (filler !== null) return await filler.verified();
    const outcome = await this.#outcome(digest);
    return outcome.kind === "stored" ? { kind: "verified" } : outcome;
  }

  /** Takes up a fill that was interrupted, or clears away what a finished one left. */
  override async alarm(): Promise<void> {
    if (this.#filler !== null) {
      await this.ctx.storage.setAlarm(Date.now() + WATCH_MS);
      return;
    }
    const log = this.#openLog(null);
    const owner = log.readOwner();
    const record = log.read();
    if (owner !== null && record !== null) {
      const { store, createUpstreams } = createParts(this.env);
      const upstreams = createUpstreams((work) => this.ctx.waitUntil(work));
      const isListed = upstreams.find(record.key.upstream) !== null;
      const over =
        owner.endedAt !== null || !isListed || (await store.statBlob(owner.digest)) !== null;
      if (!over) {
        await this.#start(record.key, owner.digest).finished;
        return;
      }
      await store.deleteChunks(owner.digest, record.chunks);
    }
    await this.ctx.storage.deleteAll();
  }

  /** The running fill, or the interrupted one that the log tells of; `null` where it is over and done. */
  #resume(digest: Digest): Filler | null {
    if (this.#filler !== null) return this.#filler;
    const log = this.#openLog(digest);
    const record = log.read();
    return record === null || log.readOwner()?.endedAt !== null
      ? null
      : this.#start(record.key, digest);
  }

  /** How a fill ended that this object no longer knows of: the blob is there, or it was found wrong. */
  async #outcome(digest: Digest): Promise<{ readonly kind: "stored" } | FillFailure> {
    const { store } = createParts(this.env);
    return (await store.statBlob(digest)) === null ? { kind: "store-failed" } : { kind: "stored" };
  }

  #openLog(digest: Digest | null): DurableFillLog {
    return createFillLog(this.ctx.storage.sql, digest);
  }

  /** @param asking - one that is taken up again is had from the registry itself, whoever began it */
  #start(key: RepositoryKey, digest: Digest, asking: Asking = "private"): Filler {
    const { store, createUpstreams, warn } = createParts(this.env);
    const log = this.#openLog(digest);
    log.reopen();
    const begin = (owner: RepositoryKey, size: number): void => {
      log.begin(owner, size);
      void this.ctx.storage.setAlarm(Date.now() + WATCH_MS);
    };
    const upstreams = createUpstreams((work) => this.ctx.waitUntil(work));
    const upstream = findUpstream(finderOf(upstreams, asking), key.upstream);
    const options = { digest, key, store, upstream, warn };
    const filler = new Filler({ ...options, log: { ...log, begin } });
    this.#filler = filler;
    this.#asked = key;
    // Chunks that were there before came through who knows which repository.
    const isForAll = asking !== "private" && log.read() === null;
    this.#isForAll = isForAll;
    const ended = { log, digest, upstream, filler, isForAll };
    this.ctx.waitUntil(filler.finished.then((end) => this.#ended(ended, end)));
    return filler;
  }

  async #ended(ended: Ended, end: FillStart): Promise<void> {
    const { log, digest, upstream, filler, isForAll } = ended;
    this.#filler = null;
    if (end.kind === "stored" && end.fetchedBytes !== undefined)
      this.#tell(digest, { upstream, size: end.fetchedBytes, isShown: isForAll });
    if (end.kind === "failed" && (await filler.opened).kind === "filling")
      this.#tellFailure(upstream, end.failure);
    if (log.read() === null) return;
    // The chunks stay a while: clients may still be reading them, and a failed fill's wait for the next one who asks.
    log.end(Date.now());
    await this.ctx.storage.setAlarm(Date.now() + LINGER_MS);
  }

  /** Notes a blob that came whole. No client waits for it; what is not told is found by the next sweep. */
  #tell(
    digest: Digest,
    from: { readonly upstream: Upstream; readonly size: number; readonly isShown: boolean },
  ): void {
    const { recorder, ledger, inventory, warn } = createParts(this.env);
    const { size, upstream, isShown } = from;
    const waitUntil = (work: Promise<unknown>): void => this.ctx.waitUntil(work);
    recorder.fetched(
      { upstream: upstream.name, bytes: size, counted: false },
      { ledger, waitUntil },
    );
    // It may have come from another source, which says nothing of the registry.
    if (upstream.distrustBlob === undefined)
      recorder.answered({ upstream: upstream.name, isAllowed: false }, { ledger, waitUntil });
    const telling = inventory.addBlob(digest, { size, isShown });
    waitUntil(telling.catch((error: unknown) => warn("a stored blob could not be told", error)));
  }

  /** Counts what no answer can tell of any more: clients that follow the fill see a connection that breaks. */
  #tellFailure(upstream: Upstream, failure: UpstreamFailure): void {
    const { recorder, ledger } = createParts(this.env);
    // A source's wrong bytes were counted as its own.
    const isSources = upstream.distrustBlob !== undefined && failure.status === undefined;
    if (isSources && failure.kind === "bad-response") return;
    recorder.failure(failure, { ledger, waitUntil: (work) => this.ctx.waitUntil(work) });
  }
}

interface Ended {
  readonly log: DurableFillLog;
  readonly digest: Digest;
  readonly upstream: Upstream;
  readonly filler: Filler;
  /** Whether all of it was had through a repository that is public. */
  readonly isForAll: boolean;
}
