import * as z from "zod";
import { Count, DigestText, RepositoryText, TagText, TimeMs, UpstreamHost } from "./names.ts";

/**
 * Where the manifest of a pull came from.
 *
 * `hit`: stored, and nothing upstream was asked. `revalidated`: stored, and a HEAD said that it is still current.
 * `stale`: stored, past its time, and the upstream could not say. `miss`: fetched upstream for this pull.
 */
const PullOutcome = z.enum(["hit", "revalidated", "stale", "miss"]);

/** One pull: one manifest GET that was answered 200. */
export const PullRecord = z.object({
  /** Opaque and unique; the value that `last` takes. */
  id: z.string().min(1).max(128),
  timeMs: TimeMs,
  upstream: UpstreamHost,
  repository: RepositoryText,
  /** `null` where the client asked by digest. */
  tag: TagText.nullable(),
  digest: DigestText,
  mediaType: z.string(),
  outcome: PullOutcome,
  /** Whether the upstream counted a pull for this one. */
  counted: z.boolean(),
  client: z.object({ address: z.string(), userAgent: z.string() }),
  /** The name of the access rule's token that let the client in, never its secret. */
  token: z.string().optional(),
  /** The blobs of this digest, as they came so far. `bytes` are those sent to clients. */
  blobs: z.object({ hits: Count, misses: Count, bytes: Count }),
});

/** @see {@link PullRecord} */
export type PullRecord = z.infer<typeof PullRecord>;

/**
 * One page of `GET /api/pulls`, newest last.
 *
 * Where more follow, `Link: <…>; rel="next"` names the next page, on the same origin.
 */
export const PullLogPage = z.object({
  /**
   * Every pull since then is in the log: when it was begun, or how far its oldest records were since dropped, or when the
   * last was of those that found no room while the ledger was away.
   *
   * Without it a missing record would prove nothing, and no pull could be said to have gone round the mirror. One loss it
   * does not tell of: an isolate that dies takes with it what it has not written yet. That is what it served in its last
   * two seconds; while the ledger is slow or away, what it served since that last took a batch.
   */
  completeSinceMs: TimeMs,
  pulls: z.array(PullRecord),
});

/**
 * What `GET /api/pulls` may be asked for. Times in ms by the mirror's clock, `since` inclusive and `until` exclusive.
 * Another parameter is refused with 400, as by each path of the API: a filter that was misspelt would give everything.
 */
export const PullLogQuery = z.object({
  repository: RepositoryText.optional(),
  digest: DigestText.optional(),
  since: z.coerce.number().pipe(TimeMs).optional(),
  until: z.coerce.number().pipe(TimeMs).optional(),
  n: z.coerce.number().pipe(z.int().min(1).max(1000)).optional(),
  last: z.string().min(1).max(128).optional(),
});

/** @see {@link PullLogQuery} */
export type PullLogQuery = z.infer<typeof PullLogQuery>;
