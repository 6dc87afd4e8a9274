/**
 * The port to the mirror's own records: who pulled what, from where it came, and what it cost.
 *
 * Two adapters pass one conformance suite: SQL (a Durable Object's SQLite) and memory.
 *
 * @module
 */
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository.ts";
import type { Tag } from "../oci/tag.ts";
import type { UpstreamAnswers, UpstreamRow } from "./upstreams.ts";

/** A repository of one upstream. */
export interface RepositoryId {
  readonly upstream: string;
  readonly repository: RepositoryName;
}

/** Whom an answer went to, as far as that can be known. */
export interface Client {
  /** `""` where no edge vouches for one. */
  readonly address: string;
  readonly userAgent: string;
  /** The name of the token that let the client in, `""` without one; never its secret. */
  readonly token: string;
}

/** One manifest GET that was answered 200. */
export interface PullEvent extends RepositoryId {
  readonly timeMs: number;
  readonly tag: Tag | null;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Of the manifest. */
  readonly size: number;
  readonly outcome: "hit" | "revalidated" | "stale" | "miss";
  readonly counted: boolean;
  readonly client: Client;
}

/** What was learnt of a tag without a pull by it: clients ask by HEAD, then pull by digest. */
export interface SeenTag extends RepositoryId {
  readonly tag: Tag;
  readonly digest: Digest;
  readonly timeMs: number;
}

/** A manifest of one repository. */
export interface ManifestId extends RepositoryId {
  readonly digest: Digest;
}

/** A manifest that a batch tells of. */
export interface SeenManifest extends RepositoryId {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  /** The blobs that it names: told by each isolate twice a day, `null` otherwise. */
  readonly blobs: readonly { readonly digest: Digest; readonly size: number }[] | null;
}

/** Blob GETs of one client for one blob, summed. `bytes` are those the answers announced. */
export interface BlobSum extends RepositoryId {
  readonly digest: Digest;
  readonly client: Client;
  /** Of the newest. */
  readonly timeMs: number;
  readonly hits: number;
  readonly misses: number;
  readonly bytes: number;
}

/** Something that came from an upstream and is told of by no counted pull: a blob, or a manifest that no pull came of. */
export interface Fetched {
  readonly timeMs: number;
  readonly upstream: string;
  readonly bytes: number;
  /** Whether the upstream counted a pull for it. */
  readonly counted: boolean;
}

/** An upstream's limit as last seen with one credential. */
export interface QuotaSeen {
  /** A name that is no secret. */
  readonly credential: string;
  readonly limit: number;
  readonly remaining: number;
  readonly windowSeconds: number;
  readonly seenAtMs: number;
}

/**
 * What one isolate saw since it last told; {@link BatchBuilder} makes it.
 *
 * A busy isolate tells of thousands of pulls at once, and a mirror on one machine does that on the thread that serves
 * them: so what pulls have in common is told once, and the pulls themselves are numbers.
 */
export interface LedgerBatch {
  /** Unique: a batch that comes twice is taken once. */
  readonly id: string;
  readonly clients: readonly Client[];
  readonly tagNames: readonly Tag[];
  readonly manifests: readonly SeenManifest[];
  /** Packed; `unpackPulls` reads them. */
  readonly pulls: Float64Array;
  readonly tags: readonly SeenTag[];
  readonly blobs: readonly BlobSum[];
  /** What was had from upstreams beside the pulls that tell of it themselves. */
  readonly fetched: readonly Fetched[];
  readonly quotas: readonly QuotaSeen[];
  /** How registries answered. */
  readonly upstreams: readonly UpstreamAnswers[];
  /** Records that this isolate had to drop before, and when the last of their pulls was. */
  readonly lost: { readonly count: number; readonly lastMs: number } | null;
}

/** Sums over a span. */
export interface Sums {
  readonly pulls: number;
  readonly hits: number;
  readonly revalidated: number;
  readonly stale: number;
  readonly misses: number;
  readonly bytesServed: number;
  readonly bytesFetched: number;
  readonly upstreamPulls: number;
  readonly blobHits: number;
  readonly blobMisses: number;
}

/** A pull as the log has it. */
export interface LoggedPull extends RepositoryId {
  /** Orders by time; what `after` takes. */
  readonly id: string;
  readonly timeMs: number;
  readonly tag: Tag | null;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly outcome: PullEvent["outcome"];
  readonly counted: boolean;
  readonly client: Client;
  readonly blobs: { readonly hits: number; readonly misses: number; readonly bytes: number };
}

/** What of the log is asked for; `null` where it does not matter. */
export interface PullsWanted {
  readonly repository: RepositoryId | null;
  readonly digest: Digest | null;
  /** Inclusive, milliseconds. */
  readonly sinceMs: number;
  /** Exclusive. */
  readonly untilMs: number;
  /** A {@link LoggedPull}'s id; exclusive. */
  readonly after: string | null;
  readonly limit: number;
  /** The last `limit` of them in place of the first; still oldest first. */
  readonly newest?: boolean;
}

/** A page of the log, oldest first. */
export interface PullsPage {
  /** Every pull since then that reached the ledger is in the log. */
  readonly completeSinceMs: number;
  readonly pulls: readonly LoggedPull[];
}

/** So many tags of one repository are listed, */
export const MAX_TAGS = 200;
/** and so many on a page: 6 MB at most, where an object's answer may have 32. */
export const MAX_PAGE_TAGS = 20_000;

/**
 * A repository that was ever pulled: its times and counts are for ever, its tags and bytes are those of the log's time.
 */
export interface CatalogRow extends RepositoryId {
  /** Those that were asked for, by pull or HEAD; the last {@link MAX_TAGS} of them, in order of their names. */
  readonly tags: readonly {
    readonly tag: Tag;
    readonly digest: Digest;
    readonly storedAtMs: number;
    readonly lastPullMs: number | null;
    readonly lastSeenMs: number;
  }[];
  /** How many more there are. */
  readonly tagsOmitted: number;
  /** Of the manifests that were pulled, and of what they name. */
  readonly bytes: number;
  readonly firstPullMs: number | null;
  readonly lastPullMs: number | null;
  readonly hits: number;
  readonly misses: number;
}

/** Which repositories are asked for. */
export interface CatalogWanted {
  readonly after: RepositoryId | null;
  readonly limit: number;
  readonly byUse?: boolean;
}

/** Everything that is counted. Totals are kept for ever. */
export interface LedgerSums {
  /** By hour, oldest first, hours without an event left out. */
  readonly hours: readonly (Sums & { readonly startMs: number })[];
  readonly quotas: readonly QuotaSeen[];
  /** In order of their names. */
  readonly upstreams: readonly UpstreamRow[];
  readonly lost: number;
  /** Of all hours, whatever span was asked for. */
  readonly ever: Sums;
  /** Those that something was ever pulled from. */
  readonly repositories: number;
}

/** The records. */
export interface Ledger {
  /** Takes a batch, whole or not at all, and the same one once. */
  record(batch: LedgerBatch): Promise<void>;
  /** Pages of one walk share no record and leave out none that was there when the walk began. */
  listPulls(wanted: PullsWanted): Promise<PullsPage>;
  /**
   * In order of upstream and name, after `after`. Ends early where there are many tags: only an empty page is the end.
   * With `byUse` the most pulled first, from the top and without their tags.
   */
  listCatalog(page: CatalogWanted): Promise<readonly CatalogRow[]>;
  /** Names a tag that points at each manifest now, the one that was asked for last; `null` where none is known. */
  findTags(manifests: readonly ManifestId[]): Promise<readonly (Tag | null)[]>;
  /** @param span - whole hours, `untilMs` exclusive */
  sum(span: { readonly sinceMs: number; readonly untilMs: number }): Promise<LedgerSums>;
}

/** The public id of a pull: its time, which the log is ordered by, and the ledger's own number. */
export function formatPullId(timeMs: number, serial: number): string {
  return `${timeMs.toString(36)}.${serial.toString(36)}`;
}

/** Reads {@link formatPullId}; `null` where it is none. */
export function parsePullId(
  text: string,
): { readonly timeMs: number; readonly serial: number } | null {
  const [, time, serial] = /^([0-9a-z]{1,10})\.([0-9a-z]{1,10})$/.exec(text) ?? [];
  if (time === undefined || serial === undefined) return null;
  return { timeMs: parseInt(time, 36), serial: parseInt(serial, 36) };
}
