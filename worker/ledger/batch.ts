import type { Tag } from "../oci/tag.ts";
import type {
  BlobSum,
  Client,
  Fetched,
  LedgerBatch,
  PullEvent,
  QuotaSeen,
  SeenManifest,
  SeenTag,
} from "./ledger.ts";
import { UpstreamTally } from "./upstreams.ts";

/** A pull as a batch has it. */
export interface PackedPull {
  readonly timeMs: number;
  /** Its place among the batch's manifests. */
  readonly manifest: number;
  /** Its place among the batch's clients. */
  readonly client: number;
  readonly tag: Tag | null;
  readonly outcome: PullEvent["outcome"];
  readonly counted: boolean;
}

/** In the order of the numbers that stand for them, in batches and in SQL. */
export const OUTCOMES: readonly PullEvent["outcome"][] = ["hit", "revalidated", "stale", "miss"];

/** How many numbers a pull is: its time, then the places of manifest, client, tag (-1: none) and outcome, and 1 if counted. */
const PULL_FIELDS = 6;

/** Gathers what one isolate sees, until it is told. */
export class BatchBuilder {
  readonly #manifests = new Map<string, number>();
  readonly #manifestList: SeenManifest[] = [];
  readonly #clients = new Map<string, number>();
  readonly #clientList: Client[] = [];
  readonly #tagNames = new Map<Tag, number>();
  readonly #pulls: number[] = [];
  readonly #tags = new Map<string, SeenTag>();
  readonly #blobs = new Map<string, BlobSum>();
  readonly #fetched: Fetched[] = [];
  readonly #quotas = new Map<string, QuotaSeen>();
  readonly #upstreams = new UpstreamTally();

  /** Whether there is nothing to tell. */
  get empty(): boolean {
    return this.records === 0 && this.#quotas.size === 0 && this.#upstreams.empty;
  }

  /** How many records it holds. */
  get records(): number {
    return (
      this.#pulls.length / PULL_FIELDS + this.#tags.size + this.#blobs.size + this.#fetched.length
    );
  }

  /** Adds what a batch that was given up has beside records: it takes no room. */
  keep({ quotas, upstreams }: Pick<LedgerBatch, "quotas" | "upstreams">): void {
    for (const quota of quotas)
      if (!this.#quotas.has(quota.credential)) this.#quotas.set(quota.credential, quota);
    for (const seen of upstreams) this.#upstreams.add(seen);
  }

  /**
   * Adds a pull.
   *
   * @param readBlobs - tells what the manifest names; asked once per batch and manifest
   */
  pull(event: PullEvent, readBlobs: () => SeenManifest["blobs"]): void {
    const { timeMs, tag, outcome, counted, client } = event;
    const tagPlace = tag === null ? -1 : placeOf(this.#tagNames, tag);
    this.#pulls.push(
      timeMs,
      this.#placeManifest(event, readBlobs),
      this.#placeClient(client),
      tagPlace,
      OUTCOMES.indexOf(outcome),
      counted ? 1 : 0,
    );
  }

  /** Adds what a HEAD said of a tag; the last word counts. */
  tag(seen: SeenTag): void {
    this.#tags.set(`${seen.upstream}/${seen.repository}:${seen.tag}`, seen);
  }

  /** Adds one client's blob GETs to what is known of them. */
  blob(sum: BlobSum): void {
    const name = [sum.upstream, sum.repository, sum.digest, nameOf(sum.client)].join("\n");
    const known = this.#blobs.get(name);
    this.#blobs.set(name, {
      ...sum,
      hits: (known?.hits ?? 0) + sum.hits,
      misses: (known?.misses ?? 0) + sum.misses,
      bytes: (known?.bytes ?? 0) + sum.bytes,
    });
  }

  /** Adds what came from an upstream and is told of by no counted pull. */
  fetched(fetched: Fetched): void {
    this.#fetched.push(fetched);
  }

  /** Notes an upstream's limit as last told. */
  quota(quota: QuotaSeen): void {
    this.#quotas.set(quota.credential, quota);
  }

  /** Notes that an upstream answered well; `isAllowed`: and has room for a pull. */
  answered(upstream: string, seen: { readonly timeMs: number; readonly isAllowed: boolean }): void {
    const { timeMs, isAllowed } = seen;
    const allowedMs = isAllowed ? timeMs : 0;
    this.#upstreams.add({ upstream, answeredMs: timeMs, allowedMs, failures: [] });
  }

  /** Counts an answer that met an upstream failure. */
  failure(upstream: string, seen: { readonly timeMs: number; readonly kind: string }): void {
    const { timeMs, kind } = seen;
    const failure = { kind, count: 1, sinceMs: timeMs, lastMs: timeMs };
    this.#upstreams.add({ upstream, answeredMs: 0, allowedMs: 0, failures: [failure] });
  }

  /** Makes the batch of what was gathered. */
  build(id: string, lost: LedgerBatch["lost"]): LedgerBatch {
    return {
      id,
      clients: this.#clientList,
      tagNames: [...this.#tagNames.keys()],
      manifests: this.#manifestList,
      pulls: Float64Array.from(this.#pulls),
      tags: [...this.#tags.values()],
      blobs: [...this.#blobs.values()],
      fetched: this.#fetched,
      quotas: [...this.#quotas.values()],
      upstreams: this.#upstreams.list(),
      lost,
    };
  }

  #placeManifest(event: PullEvent, readBlobs: () => SeenManifest["blobs"]): number {
    const { upstream, repository, digest } = event;
    const name = `${upstream}/${repository}@${digest}`;
    const known = this.#manifests.get(name);
    if (known !== undefined) return known;
    const { mediaType, size } = event;
    const seen = { upstream, repository, digest, mediaType, size, blobs: readBlobs() };
    const place = this.#manifestList.push(seen) - 1;
    this.#manifests.set(name, place);
    return place;
  }

  #placeClient(client: Client): number {
    const name = nameOf(client);
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const place = this.#clientList.push(client) - 1;
    this.#clients.set(name, place);
    return place;
  }
}

function nameOf({ address, token, userAgent }: Client): string {
  return `${address}\n${token}\n${userAgent}`;
}

function placeOf<Key>(places: Map<Key, number>, key: Key): number {
  const known = places.get(key);
  if (known !== undefined) return known;
  places.set(key, places.size);
  return places.size - 1;
}

/** When a batch's last pull was, in milliseconds; 0 without one. */
export function lastPullMs({ pulls }: Pick<LedgerBatch, "pulls">): number {
  return pulls.at(-PULL_FIELDS) ?? 0;
}

/** Reads a batch's pulls, in the order they were added. */
export function unpackPulls({ pulls, tagNames }: LedgerBatch): PackedPull[] {
  const found: PackedPull[] = [];
  for (let at = 0; at < pulls.length; at += PULL_FIELDS)
    found.push({
      timeMs: pulls[at] ?? 0,
      manifest: pulls[at + 1] ?? 0,
      client: pulls[at + 2] ?? 0,
      tag: tagNames[pulls[at + 3] ?? -1] ?? null,
      outcome: OUTCOMES[pulls[at + 4] ?? 0] ?? "hit",
      counted: pulls[at + 5] === 1,
    });
  return found;
}
