import * as z from "zod";
import { Count, DigestText, RepositoryText, TagText, TimeMs, UpstreamHost } from "./names.ts";

/** A tag as the mirror holds it now. */
const CatalogTag = z.object({
  tag: TagText,
  digest: DigestText,
  /** When the mirror first stored the tag at this digest: the age of what is served. */
  storedAtMs: TimeMs,
  lastPullMs: TimeMs.nullable(),
});

/** A repository the mirror holds something of. */
export const CatalogEntry = z.object({
  upstream: UpstreamHost,
  repository: RepositoryText,
  tags: z.array(CatalogTag),
  /** Of the manifests and blobs this repository names; a blob shared with another repository counts in both. */
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
 * Where more follow, `Link: <…>; rel="next"` names the next page, on the same origin.
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
