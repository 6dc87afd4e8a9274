import type { CatalogEntry } from "../contract/catalog.ts";
import type { PullRecord } from "../contract/pull-log.ts";
import type { Stats } from "../contract/stats.ts";
import type { MirrorAddress } from "./address.ts";

/** An image by its use. */
export type TopImage = Pick<
  CatalogEntry,
  "upstream" | "repository" | "hits" | "misses" | "lastPullMs"
>;

/** A pull with the tag that its digest is known by, where the client named none. */
export type LatestPull = PullRecord & { readonly knownTag: PullRecord["tag"] };

/** What the pull log tells. */
export interface Activity {
  /** The last 24 hours, by the hour. */
  readonly day: Stats;
  /** The last 7 days, by the day or the hour. */
  readonly week: Stats;
  /** Most pulled first. */
  readonly topImages: readonly TopImage[];
  /** Newest first. */
  readonly latestPulls: readonly LatestPull[];
  /** Every pull since then that reached the log is in it. */
  readonly completeSinceMs: number;
  /** `limitBytes` is `null` where the operator set none. */
  readonly storage: { readonly usedBytes: number; readonly limitBytes: number | null } | null;
}

/** All that the status page shows. */
export interface StatusView {
  readonly now: number;
  readonly mirror: MirrorAddress;
  /** The host that is asked in Docker Hub's place; `null` where none is. */
  readonly upstream: string | null;
  readonly version: string;
  /** `none` where no log is kept, `unreadable` where it could not be read this time. */
  readonly activity: Activity | "none" | "unreadable";
  /** What the store has, for a page without a log; may be cut short. */
  readonly repositories: readonly string[];
  /** Whether nobody may pull, for want of a rule that lets anybody in. */
  readonly isClosed: boolean;
  /** Whether clients may come by a secret, which the texts on the page do not have. */
  readonly hasTokens: boolean;
  /** Whether no client may come without one: a text that lacks it would quietly leave the mirror unused. */
  readonly needsSecret: boolean;
  /** Whether a login opened the page. */
  readonly canLogOut: boolean;
}
