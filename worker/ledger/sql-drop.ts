import { sliceJson } from "./json-slices.ts";
import { SEEN_AGAIN_MS } from "./sql-record.ts";
import type { Sql } from "./sql-schema.ts";

/** Clients and tags dropped at once: few enough to be quick. */
const MAX_ROWS = 1_000;
/** Names of manifests that go at once, some 50 ms on a small machine; one that has more goes alone. */
const MAX_NAMES = 5_000;
/** So many repositories are looked through for old tags at once: an index by time would cost a row with each pull. */
const REPOSITORIES = 1_000;

type Pull = { time_ms: number; serial: number; manifest: number };

/**
 * Drops pulls that are too old, oldest first, with the manifests that no pull is left of; to be run in a transaction.
 *
 * @returns whether all of them went
 */
export function dropPulls(
  sql: Sql,
  { cutoffMs, limit }: { readonly cutoffMs: number; readonly limit: number },
): boolean {
  const old = sql
    .exec(
      `SELECT time_ms, serial, manifest FROM pull WHERE time_ms < ? ORDER BY time_ms, serial LIMIT ?`,
      cutoffMs,
      limit,
    )
    .toArray() as Pull[];
  const manifests = new Set<number>();
  let names = 0;
  let last: Pull | undefined;
  for (const pull of old) {
    if (!manifests.has(pull.manifest)) {
      const freed = countFreed(sql, pull.manifest, cutoffMs);
      if (names > 0 && names + freed > MAX_NAMES) break;
      names += freed;
      manifests.add(pull.manifest);
    }
    last = pull;
  }
  if (last !== undefined) {
    const { time_ms, serial } = last;
    sql.exec("DELETE FROM pull WHERE (time_ms, serial) <= (?, ?)", time_ms, serial);
    dropManifests(sql, [...manifests]);
  }
  return old.length < limit && last === old.at(-1);
}

/** How many names go with the old pulls of a manifest: none where newer ones keep it. */
function countFreed(sql: Sql, manifest: number, cutoffMs: number): number {
  const [row] = sql
    .exec(
      `SELECT count(*) AS count FROM content WHERE manifest = ?
       AND NOT EXISTS (SELECT 1 FROM pull WHERE manifest = ? AND time_ms >= ?)`,
      manifest,
      manifest,
      cutoffMs,
    )
    .toArray();
  return Number(row?.["count"] ?? 0);
}

/** Forgets those that no pull is left of. What a repository counts for ever stays. */
function dropManifests(sql: Sql, ids: readonly number[]): void {
  const gone = sql
    .exec(
      `SELECT id FROM manifest WHERE id IN (SELECT value FROM json_each(?))
       AND NOT EXISTS (SELECT 1 FROM pull WHERE pull.manifest = manifest.id)`,
      JSON.stringify(ids),
    )
    .toArray();
  if (gone.length === 0) return;
  const list = JSON.stringify(gone.map(({ id }) => id));
  const inList = "IN (SELECT value FROM json_each(?))";
  const named = sql
    .exec(`SELECT DISTINCT repository, digest, size FROM content WHERE manifest ${inList}`, list)
    .toArray() as { repository: number; digest: string; size: number }[];
  sql.exec(`DELETE FROM content WHERE manifest ${inList}`, list);
  for (const { json } of sliceJson(named.map((row) => [row.repository, row.digest, row.size])))
    sql.exec(
      `UPDATE repository SET bytes = max(0, repository.bytes - freed.bytes) FROM (
         SELECT value->>0 AS id, sum(value->>2) AS bytes FROM json_each(?) e
         WHERE NOT EXISTS (SELECT 1 FROM content c
           WHERE c.repository = e.value->>0 AND c.digest = e.value->>1)
         GROUP BY 1) freed
       WHERE repository.id = freed.id`,
      json,
    );
  sql.exec(`DELETE FROM manifest WHERE id ${inList}`, list);
}

/**
 * Drops clients that no pull is left of; to be run in a transaction.
 *
 * @returns whether all of them went
 */
export function dropClients(sql: Sql, cutoffMs: number): boolean {
  const [oldest] = sql.exec("SELECT min(time_ms) AS at FROM pull").toArray();
  const firstMs = typeof oldest?.["at"] === "number" ? oldest["at"] : cutoffMs;
  const gone = sql
    .exec(
      `DELETE FROM client WHERE id IN (SELECT id FROM client WHERE seen_ms < ? LIMIT ${MAX_ROWS}) RETURNING id`,
      Math.min(firstMs, cutoffMs) - SEEN_AGAIN_MS,
    )
    .toArray();
  return gone.length < MAX_ROWS;
}

/**
 * Drops tags that nobody asked for since, of the next repositories; to be run in a transaction.
 *
 * @returns whether these were the last repositories: the next call begins with the first again
 */
export function dropTags(sql: Sql, cutoffMs: number): boolean {
  const [at] = sql
    .exec(
      `SELECT coalesce((SELECT value FROM meta WHERE name = 'tags'), 0) AS after,
         coalesce((SELECT max(id) FROM repository), 0) AS last`,
    )
    .toArray() as [{ after: number; last: number }];
  const gone = sql
    .exec(
      `DELETE FROM tag WHERE (repository, tag) IN (SELECT repository, tag FROM tag
         WHERE repository > ? AND repository <= ? AND seen_ms < ? LIMIT ${MAX_ROWS})
       RETURNING repository`,
      at.after,
      at.after + REPOSITORIES,
      cutoffMs,
    )
    .toArray();
  const isWhole = gone.length < MAX_ROWS;
  const isLast = isWhole && at.after + REPOSITORIES >= at.last;
  const after = isLast ? 0 : at.after + (isWhole ? REPOSITORIES : 0);
  sql.exec("INSERT OR REPLACE INTO meta VALUES ('tags', ?)", after);
  return isLast;
}
