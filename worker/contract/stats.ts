import * as z from "zod";
import { Count, TimeMs, UpstreamHost } from "./names.ts";

/** Sums over a span of time. `pulls` is `hits + revalidated + stale + misses`. */
export const PullCounts = z.object({
  pulls: Count,
  hits: Count,
  revalidated: Count,
  stale: Count,
  misses: Count,
  /** Sent to clients, blobs and manifests. */
  bytesServed: Count,
  /** Had from upstreams. */
  bytesFetched: Count,
  /** Pulls that went to any upstream; what one registry counted against its limit is in `upstreams`. */
  upstreamPulls: Count,
});

/** @see {@link PullCounts} */
export type PullCounts = z.infer<typeof PullCounts>;

/** A registry's limit as its last answer told it. */
const Quota = z.object({
  limit: Count,
  remaining: Count,
  windowSeconds: Count,
  seenAtMs: TimeMs,
});

/** What came through a registry, and how it has been answering the mirror. */
const UpstreamStats = z.object({
  upstream: UpstreamHost,
  /** In the span, as are the next two. */
  pulls: Count,
  misses: Count,
  /** Pulls that it counted against its limit, where it has one. */
  upstreamPulls: Count,
  /** The last answer that was one; `null` before the first. */
  answeredAtMs: TimeMs.nullable(),
  /** What it fails by now, since when, and when it last did; `null` while it answers. */
  failure: z.object({ kind: z.string(), sinceMs: TimeMs, lastMs: TimeMs }).nullable(),
  /** All that there ever were, by kind. */
  failures: z.array(z.object({ kind: z.string(), count: Count, lastMs: TimeMs })),
});

/** The answer of `GET /api/stats?since=&until=&step=hour|day`. */
export const Stats = z.object({
  sinceMs: TimeMs,
  untilMs: TimeMs,
  step: z.enum(["hour", "day"]),
  totals: PullCounts,
  /** In order of time; spans without a pull may be left out. */
  buckets: z.array(PullCounts.extend({ startMs: TimeMs })),
  /** One for each credential in use now, by a name that is no secret (`anonymous` without one); `null` before any answer told. */
  quotas: z.array(
    z.object({
      /** Absent: Docker Hub, which alone had limits once. */
      upstream: UpstreamHost.optional(),
      credential: z.string(),
      quota: Quota.nullable(),
      /** Fewer pulls left than these are worth a warning; absent where no limit is known, or its window has passed since. */
      warnBelow: Count.optional(),
    }),
  ),
  /** The registries that are mirrored now, Docker Hub first. Absent: a mirror that does not tell yet. */
  upstreams: z.array(UpstreamStats).optional(),
  /** Records that could not be written, of all time; where there are any, the log is not complete. */
  lostRecords: Count.optional(),
  /** What the store holds now, whatever span was asked for; `limitBytes` is `null` where there is no limit. */
  storage: z.object({ usedBytes: Count, limitBytes: Count.nullable() }).optional(),
});

/** @see {@link Stats} */
export type Stats = z.infer<typeof Stats>;

/** What `GET /api/stats` may be asked for. Times in ms, `since` inclusive and `until` exclusive. */
export const StatsQuery = z.object({
  since: z.coerce.number().pipe(TimeMs).optional(),
  until: z.coerce.number().pipe(TimeMs).optional(),
  step: z.enum(["hour", "day"]).optional(),
});

/** @see {@link StatsQuery} */
export type StatsQuery = z.infer<typeof StatsQuery>;
