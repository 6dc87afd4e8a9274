import * as z from "zod";
import { Count, DigestText, RepositoryText, TagText, TimeMs, UpstreamHost } from "./names.ts";

/** A tag as it was last pulled or asked for. */
const CatalogTag = z.object({
  tag: TagText,
  digest: DigestText,
  /** When the tag was first seen at this digest: the age of what is served. Anew where nobody asked for the log's time. */
  storedAtMs: TimeMs,
  lastPullMs: TimeMs.nullable(),
  /** When it was last pulled or asked for by HEAD; absent before the mirror told of it. */
  lastSeenMs: TimeMs.optional(),
});

/**
 * A repository that was ever pulled or asked for. Its times, hits and misses are for ever; tags and bytes are those of the
 * pull log's time (`PULL_LOG_DAYS`), and none where nobody asked within it. What the store holds is `storage` in the stats.
 */
export const CatalogEntry = z.object({
  upstream: UpstreamHost,
  repository: RepositoryText,
  /** Those pulled or asked for within the pull log's time; the last 200 of them. */
  tags: z.array(CatalogTag),
  /** How many tags more there are; absent before the mirror told of it. */
  tagsOmitted: Count.optional(),
  /**
   * Of the manifests that were pulled within the pull log's time, and the blobs that they name; a blob shared with another
   * repository counts in both.
   */
  bytes: Count,
  firstPullMs: TimeMs.nullable(),
  lastPullMs: TimeMs.nullable(),
  /** Pulls answered from the store, revalidated and stale ones included. */
  hits: Count,
  misses: Count,
});

/** @see {@link CatalogEntry} */
export type CatalogEntry = z.infer<typeof CatalogEntry>;

/**
 * One page of `GET /api/catalog?n=&last=`, ordered by upstream and name; `last` is opaque.
 *
 * Where more follow, `Link: <…>; rel="next"` names the next page, on the same origin. A page may have fewer than `n`, as
 * those of repositories with many tags do.
 */
export const CatalogPage = z.object({ repositories: z.array(CatalogEntry) });

/**
 * What ends a daily snapshot of the catalog in the store, `snapshots/<day>/complete.json`. Its pages are
 * {@link CatalogPage}s, `snapshots/<day>/000000.json` and on; without this object some are missing.
 */
export const CatalogSnapshot = z.object({
  /** When it was begun. */
  takenAtMs: TimeMs,
  pages: Count,
  repositories: Count,
});
