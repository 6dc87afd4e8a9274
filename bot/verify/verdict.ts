import type { PullRecord } from "../../worker/contract/pull-log.ts";
import type { RepositoryName } from "../../worker/oci/repository.ts";
import type { Trace, TraceImage } from "../trace/trace.ts";

/** One job that ran, with what its log tells. */
export interface JobLog {
  readonly id: number;
  readonly name: string;
  /** Full path: a child or downstream pipeline may be another project's. */
  readonly project: string;
  readonly url: string;
  /** `false` for the attempts before the last. */
  readonly current: boolean;
  /** By GitLab's clock; `null` where the job never ran. */
  readonly startedAtMs: number | null;
  /** `null` while it runs. */
  readonly finishedAtMs: number | null;
  readonly trace: Trace;
}

/** A mirror with a pull log of its own. */
export interface LogWitness {
  readonly kind: "log";
  /** Of the time of all the jobs, newest last, by the mirror's clock. */
  readonly records: readonly PullRecord[];
  /** Where each tag points in the catalog, by `repository:tag`. */
  readonly tags: ReadonlyMap<string, string>;
  /** When each tag was last pulled or asked for by HEAD, by the mirror's clock; without those of which it tells nothing. */
  readonly tagsSeen: ReadonlyMap<string, number>;
  /** How far the mirror's clock is ahead, and how sure that is. */
  readonly skewMs: number;
  readonly uncertaintyMs: number;
  /** Since when the log has every pull, by the mirror's clock. */
  readonly completeSinceMs: number;
  /** When the log was read, by our clock. */
  readonly readAtMs: number;
}

/** A mirror of another make: it only tells which repositories it holds. */
export interface CatalogWitness {
  readonly kind: "catalog";
  readonly repositories: ReadonlySet<string>;
  /** The tags it lists, of repositories that were asked for; a proxy may list Docker Hub's own. */
  readonly tags: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What a mirror can say about past pulls. */
export type Witness = LogWitness | CatalogWitness;

/**
 * `cached`: served from cache. `first`: through the mirror for the first time. `stale`: from cache while Docker Hub was
 * away. `held`: the mirror has it, and can say no more. `bypassed`: it passed the mirror by. `local`: nothing was pulled.
 * `runner`: pulled by the runner, where this repository has no power. `failed`: the pull failed. `unknown`: cannot be
 * said. `out-of-scope`: not Docker Hub's.
 */
export type Verdict =
  | "cached"
  | "first"
  | "stale"
  | "held"
  | "bypassed"
  | "local"
  | "runner"
  | "failed"
  | "unknown"
  | "out-of-scope";

/** Why a verdict is what it is, where the verdict alone does not say. */
export type Reason =
  | "record"
  | "docker-hub-asked"
  | "downloaded-without-record"
  | "not-in-catalog"
  | "in-catalog"
  | "on-the-runner"
  | "earlier-in-job"
  | "build-cache"
  | "no-record-of-runner"
  | "record-shared"
  | "asked-by-head"
  | "log-begins-later"
  | "log-may-lag"
  | "no-times"
  | "other-mirror"
  | "no-transfer-seen"
  | "pull-failed"
  | "other-registry";

/** An image with its verdict and what it rests on. */
export interface JudgedImage {
  readonly job: JobLog;
  readonly image: TraceImage;
  /** Docker Hub's name of it; `null` where it is another registry's. */
  readonly repository: RepositoryName | null;
  readonly verdict: Verdict;
  readonly reason: Reason;
  /** The pull that the mirror remembers; never `null` for `cached`, `first` and `stale`. */
  readonly record: PullRecord | null;
}
