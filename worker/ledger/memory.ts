import type {
  BlobSum,
  CatalogRow,
  CatalogWanted,
  Ledger,
  LedgerBatch,
  LedgerSums,
  LoggedPull,
  ManifestId,
  PullEvent,
  PullsPage,
  PullsWanted,
  QuotaSeen,
  RepositoryId,
  SeenTag,
} from "./ledger.ts";
import { MAX_PAGE_TAGS, MAX_TAGS, formatPullId } from "./ledger.ts";
import { unpackPulls } from "./batch.ts";
import { isDoctor, leaveOutProbes } from "./probes.ts";
import { UpstreamHours, addUpstreamHours } from "./upstream-sums.ts";
import type { Tag } from "../oci/tag.ts";
import { UpstreamTally } from "./upstreams.ts";
import { HOUR_MS, addSums, noSums, sumByHour } from "./sums.ts";

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };
type TagRow = Mutable<CatalogRow["tags"][number]>;
type Row = Mutable<Omit<CatalogRow, "tags" | "tagsOmitted" | "bytes">> & {
  readonly tags: Map<string, TagRow>;
  /** Sizes by digest, and which manifests name it. */
  readonly content: Map<string, { size: number; readonly manifests: Set<string> }>;
};

/** A blob is looked for in the pulls of this long before it. */
const JOIN_MS = 6 * HOUR_MS;

/** Keeps the records in memory: the reference that the SQL adapter is tested against. */
export class MemoryLedger implements Ledger {
  readonly #options: { readonly keepMs: number; readonly now: () => number };
  #pulls: Mutable<LoggedPull>[] = [];
  readonly #rows = new Map<string, Row>();
  readonly #hours = new Map<number, ReturnType<typeof noSums>>();
  readonly #quotas = new Map<string, QuotaSeen>();
  readonly #upstreams = new UpstreamTally();
  readonly #upstreamHours = new UpstreamHours();
  readonly #taken = new Set<string>();
  #serial = 0;
  #lost = 0;
  #completeSinceMs: number | null = null;

  constructor(options: { readonly keepMs: number; readonly now: () => number }) {
    this.#options = options;
  }

  async record(batch: LedgerBatch): Promise<void> {
    if (this.#taken.has(batch.id)) return;
    this.#taken.add(batch.id);
    const pulls = unpackPulls(batch);
    const first = Math.min(this.#options.now(), ...pulls.map(({ timeMs }) => timeMs));
    this.#completeSinceMs ??= first;
    for (const { tag, ...seen } of batch.tags) this.#see({ ...seen, tag }, null);
    for (const { manifest, client, ...pull } of pulls) {
      const [seen, by] = [batch.manifests[manifest], batch.clients[client]];
      if (seen !== undefined && by !== undefined) this.#pull({ ...seen, ...pull, client: by });
    }
    for (const { digest, size, blobs, ...id } of batch.manifests) {
      const { content } = this.#row(id);
      for (const named of blobs === null ? [] : [{ digest, size }, ...blobs]) {
        const known = content.get(named.digest) ?? { size: named.size, manifests: new Set() };
        known.manifests.add(digest);
        content.set(named.digest, known);
      }
    }
    for (const blob of batch.blobs) this.#join(blob);
    const counted = leaveOutProbes({ batch, pulls });
    for (const [startMs, sums] of sumByHour(counted.batch, counted.pulls)) {
      const known = this.#hours.get(startMs) ?? noSums();
      addSums(known, sums);
      this.#hours.set(startMs, known);
    }
    for (const quota of batch.quotas)
      if ((this.#quotas.get(quota.credential)?.seenAtMs ?? 0) <= quota.seenAtMs)
        this.#quotas.set(quota.credential, quota);
    for (const told of batch.upstreams) this.#upstreams.add(told);
    addUpstreamHours(this.#upstreamHours, counted.batch, counted.pulls);
    for (const { upstream } of this.#upstreamHours.list())
      this.#upstreams.add({ upstream, answeredMs: 0, allowedMs: 0, failures: [] });
    this.#lose(batch);
  }

  async listPulls(wanted: PullsWanted): Promise<PullsPage> {
    this.#completeSinceMs ??= this.#options.now();
    const { repository, digest, sinceMs, untilMs, after, limit } = wanted;
    const cutoff = this.#options.now() - this.#options.keepMs;
    const start = this.#pulls.findIndex(({ id }) => id === after) + 1;
    const pulls = this.#pulls
      .slice(start)
      .filter(
        (pull) =>
          pull.timeMs >= Math.max(sinceMs, cutoff) &&
          pull.timeMs < untilMs &&
          (repository === null || compare(repository, pull) === 0) &&
          (digest ?? pull.digest) === pull.digest,
      );
    return {
      completeSinceMs: Math.max(this.#completeSinceMs, cutoff),
      pulls: wanted.newest === true ? pulls.slice(-limit) : pulls.slice(0, limit),
    };
  }

  async listCatalog(page: CatalogWanted): Promise<readonly CatalogRow[]> {
    const { after, limit } = page;
    const sorted = [...this.#rows.values()].toSorted(compare);
    if (page.byUse === true) sorted.sort((a, b) => b.hits + b.misses - (a.hits + a.misses));
    const following = sorted.filter((row) => after === null || compare(row, after) > 0);
    const rows = following.slice(0, limit).map(({ tags, content, ...row }) => ({
      ...row,
      bytes: [...content.values()].reduce((sum, { size }) => sum + size, 0),
      ...(page.byUse === true ? { tags: [], tagsOmitted: 0 } : this.#listTags([...tags.values()])),
    }));
    let listed = 0;
    const end = rows.findIndex(({ tags }) => (listed += tags.length) > MAX_PAGE_TAGS);
    return end < 0 ? rows : rows.slice(0, Math.max(1, end));
  }

  async findTags(manifests: readonly ManifestId[]): Promise<readonly (Tag | null)[]> {
    return manifests.map((id) => {
      const tags = [...(this.#rows.get(`${id.upstream}/${id.repository}`)?.tags.values() ?? [])];
      const [newest] = tags
        .filter(({ digest }) => digest === id.digest)
        .toSorted((a, b) => b.lastSeenMs - a.lastSeenMs || (a.tag < b.tag ? -1 : 1));
      return newest?.tag ?? null;
    });
  }

  async sum(span: { readonly sinceMs: number; readonly untilMs: number }): Promise<LedgerSums> {
    const ever = noSums();
    for (const sums of this.#hours.values()) addSums(ever, sums);
    const hours = [...this.#hours]
      .filter(([startMs]) => startMs >= span.sinceMs && startMs < span.untilMs)
      .toSorted(([a], [b]) => a - b)
      .map(([startMs, sums]) => ({ startMs, ...sums }));
    return {
      hours,
      quotas: [...this.#quotas.values()],
      upstreams: this.#upstreams.list().map((seen) => ({
        ...seen,
        span: this.#upstreamHours.sum(seen.upstream, span),
        ever: this.#upstreamHours.sum(seen.upstream, { sinceMs: 0, untilMs: Infinity }),
      })),
      lost: this.#lost,
      ever,
      repositories: [...this.#rows.values()].filter(({ firstPullMs }) => firstPullMs !== null)
        .length,
    };
  }

  #row({ upstream, repository }: RepositoryId): Row {
    const name = `${upstream}/${repository}`;
    const times = { firstPullMs: null, lastPullMs: null, hits: 0, misses: 0 };
    const made = { upstream, repository, ...times, tags: new Map(), content: new Map() };
    const row = this.#rows.get(name) ?? made;
    this.#rows.set(name, row);
    return row;
  }

  #pull(event: PullEvent): void {
    const { upstream, repository, mediaType, timeMs, tag, digest, outcome, counted, client } =
      event;
    const id = formatPullId(timeMs, this.#serial++);
    const pull = { upstream, repository, timeMs, tag, digest, mediaType, outcome, counted, client };
    this.#pulls.push({ ...pull, id, blobs: { hits: 0, misses: 0, bytes: 0 } });
    // Stable: pulls of one millisecond stay in the order they came in.
    this.#pulls.sort((a, b) => a.timeMs - b.timeMs);
    const row = this.#row(pull);
    if (!isDoctor(client)) this.#count(row, event);
    if (tag !== null) this.#see({ ...pull, tag, digest }, timeMs);
  }

  #count(row: Row, { timeMs, outcome }: PullEvent): void {
    row.firstPullMs = Math.min(row.firstPullMs ?? timeMs, timeMs);
    row.lastPullMs = Math.max(row.lastPullMs ?? timeMs, timeMs);
    if (outcome === "miss") row.misses += 1;
    else row.hits += 1;
  }

  #see(seen: SeenTag, pulledMs: number | null): void {
    const { tag, digest, timeMs } = seen;
    const { tags } = this.#row(seen);
    const made: TagRow = { tag, digest, storedAtMs: timeMs, lastPullMs: null, lastSeenMs: timeMs };
    const row = tags.get(tag) ?? made;
    if (row.digest === digest) row.storedAtMs = Math.min(row.storedAtMs, timeMs);
    else if (timeMs >= row.lastSeenMs) Object.assign(row, { digest, storedAtMs: timeMs });
    row.lastSeenMs = Math.max(row.lastSeenMs, timeMs);
    if (pulledMs !== null) row.lastPullMs = Math.max(row.lastPullMs ?? 0, pulledMs);
    tags.set(tag, row);
  }

  #listTags(all: readonly TagRow[]): Pick<CatalogRow, "tags" | "tagsOmitted"> {
    const byName = (a: TagRow, b: TagRow): number => (a.tag < b.tag ? -1 : 1);
    const cutoff = this.#options.now() - this.#options.keepMs;
    const asked = all
      .filter(({ lastSeenMs }) => lastSeenMs >= cutoff)
      .toSorted((a, b) => b.lastSeenMs - a.lastSeenMs || byName(a, b));
    const tags = asked.slice(0, MAX_TAGS).toSorted(byName);
    return { tags, tagsOmitted: asked.length - tags.length };
  }

  #join(blob: BlobSum): void {
    const { client, timeMs, hits, misses, bytes } = blob;
    const { content } = this.#row(blob);
    const manifests = content.get(blob.digest)?.manifests ?? new Set();
    const named = this.#pulls.filter(
      (pull) =>
        pull.repository === blob.repository &&
        pull.upstream === blob.upstream &&
        manifests.has(pull.digest) &&
        pull.timeMs > timeMs - JOIN_MS,
    );
    const same = named.filter(
      (pull) =>
        pull.client.address === client.address &&
        pull.client.token === client.token &&
        pull.client.userAgent === client.userAgent,
    );
    const best = same.at(-1) ?? named.at(-1);
    if (best === undefined) return;
    const { blobs } = best;
    best.blobs = {
      hits: blobs.hits + hits,
      misses: blobs.misses + misses,
      bytes: blobs.bytes + bytes,
    };
  }

  #lose({ lost }: LedgerBatch): void {
    const complete = this.#completeSinceMs ?? 0;
    if (lost !== null) {
      this.#lost += lost.count;
      this.#completeSinceMs = Math.max(complete, lost.lastMs + 1);
    }
    const cutoff = this.#options.now() - this.#options.keepMs;
    if (!this.#pulls.some(({ timeMs }) => timeMs < cutoff)) return;
    this.#pulls = this.#pulls.filter(({ timeMs }) => timeMs >= cutoff);
    this.#completeSinceMs = Math.max(this.#completeSinceMs ?? 0, cutoff);
    for (const row of this.#rows.values()) {
      const left = new Set(
        this.#pulls
          .filter((pull) => compare(pull, row) === 0)
          .map(({ digest }) => digest as string),
      );
      for (const [digest, { manifests }] of row.content) {
        for (const manifest of manifests) if (!left.has(manifest)) manifests.delete(manifest);
        if (manifests.size === 0) row.content.delete(digest);
      }
    }
  }
}

function compare(a: RepositoryId, b: RepositoryId): number {
  if (a.upstream !== b.upstream) return a.upstream < b.upstream ? -1 : 1;
  if (a.repository === b.repository) return 0;
  return a.repository < b.repository ? -1 : 1;
}
