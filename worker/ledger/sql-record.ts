import type { BlobSum, LedgerBatch, ManifestNames } from "./ledger.ts";
import type { Sql } from "./sql-schema.ts";
import { SUM_NAMES, sumByHour } from "./sums.ts";

/*
 * A batch of a hundred pulls is a handful of statements over `json_each`, not hundreds: on one machine the ledger runs
 * on the thread that serves the pulls.
 */

/** A blob is looked for in the pulls of this long before it: a large image takes its time on a slow line. */
const JOIN_MS = 6 * 3_600_000;
/** So many of a manifest's newest pulls are looked through for the client that asked for the blob. */
const JOIN_PULLS = 16;
/** So many manifests of a repository that name the blob. */
const JOIN_MANIFESTS = 8;

/** `json_each(?) e` joined with the repository and manifest that its first three values name. */
const JOIN_REPOSITORY = `json_each(?) e JOIN repository r ON r.upstream = e.value->>0 AND r.name = e.value->>1`;

/** Writes a batch; to be run in a transaction. */
export function recordBatch(sql: Sql, batch: LedgerBatch): void {
  recordRepositories(sql, batch);
  recordPulls(sql, batch);
  recordTags(sql, batch);
  for (const names of batch.manifests) recordNames(sql, names);
  // After the pulls and names of the same batch, which they belong to.
  for (const blob of batch.blobs) joinBlob(sql, blob);
  recordSums(sql, batch);
}

function recordRepositories(sql: Sql, { pulls, tags, manifests }: LedgerBatch): void {
  const found = new Map<string, [string, string, number | null, number | null, number, number]>();
  for (const { upstream, repository } of [...tags, ...manifests])
    found.set(`${upstream}/${repository}`, [upstream, repository, null, null, 0, 0]);
  for (const { upstream, repository, timeMs, outcome } of pulls) {
    const name = `${upstream}/${repository}`;
    const [, , first, last, hits, misses] = found.get(name) ?? ["", "", null, null, 0, 0];
    const miss = outcome === "miss" ? 1 : 0;
    const times = [Math.min(first ?? timeMs, timeMs), Math.max(last ?? 0, timeMs)] as const;
    found.set(name, [upstream, repository, ...times, hits + 1 - miss, misses + miss]);
  }
  if (found.size === 0) return;
  sql.exec(
    `INSERT INTO repository (upstream, name, first_ms, last_ms, hits, misses)
     SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each(?) WHERE true
     ON CONFLICT (upstream, name) DO UPDATE SET
       first_ms = min(coalesce(first_ms, excluded.first_ms), coalesce(excluded.first_ms, first_ms)),
       last_ms = max(coalesce(last_ms, excluded.last_ms), coalesce(excluded.last_ms, last_ms)),
       hits = hits + excluded.hits, misses = misses + excluded.misses`,
    JSON.stringify([...found.values()]),
  );
}

function recordPulls(sql: Sql, { pulls, manifests }: LedgerBatch): void {
  const known = new Map<string, readonly string[]>();
  for (const { upstream, repository, digest } of manifests)
    known.set(`${upstream}/${repository}@${digest}`, [upstream, repository, digest, ""]);
  for (const { upstream, repository, digest, mediaType } of pulls)
    known.set(`${upstream}/${repository}@${digest}`, [upstream, repository, digest, mediaType]);
  if (known.size > 0)
    sql.exec(
      `INSERT INTO manifest (digest, repository, media_type)
       SELECT e.value->>2, r.id, e.value->>3 FROM ${JOIN_REPOSITORY} WHERE true
       ON CONFLICT DO UPDATE SET media_type = excluded.media_type
         WHERE media_type = '' AND excluded.media_type <> ''`,
      JSON.stringify([...known.values()]),
    );
  if (pulls.length === 0) return;
  const rows = pulls.map(({ upstream, repository, digest, timeMs, id, ...rest }) => {
    const { tag, outcome, counted, client } = rest;
    const { address, userAgent } = client;
    const flag = counted ? 1 : 0;
    return [upstream, repository, digest, timeMs, id, tag, outcome, flag, address, userAgent];
  });
  sql.exec(
    `INSERT OR IGNORE INTO pull (time_ms, id, repository, manifest, tag, outcome, counted, address, user_agent)
     SELECT e.value->>3, e.value->>4, r.id, m.id, e.value->>5, e.value->>6, e.value->>7, e.value->>8, e.value->>9
     FROM ${JOIN_REPOSITORY} JOIN manifest m ON m.digest = e.value->>2 AND m.repository = r.id`,
    JSON.stringify(rows),
  );
}

function recordTags(sql: Sql, { tags, pulls }: LedgerBatch): void {
  const rows: unknown[][] = [];
  for (const { upstream, repository, tag, digest, timeMs } of tags)
    rows.push([upstream, repository, tag, digest, timeMs, null]);
  for (const { upstream, repository, tag, digest, timeMs } of pulls)
    if (tag !== null) rows.push([upstream, repository, tag, digest, timeMs, timeMs]);
  if (rows.length === 0) return;
  rows.sort((a, b) => Number(a[4]) - Number(b[4]));
  // A batch that comes late must not move a tag back.
  sql.exec(
    `INSERT INTO tag (repository, tag, digest, stored_ms, seen_ms, last_ms)
     SELECT r.id, e.value->>2, e.value->>3, e.value->>4, e.value->>4, e.value->>5 FROM ${JOIN_REPOSITORY} WHERE true
     ON CONFLICT (repository, tag) DO UPDATE SET
       stored_ms = CASE WHEN excluded.digest = digest THEN min(stored_ms, excluded.stored_ms)
         WHEN excluded.seen_ms >= seen_ms THEN excluded.stored_ms ELSE stored_ms END,
       digest = CASE WHEN excluded.seen_ms >= seen_ms THEN excluded.digest ELSE digest END,
       last_ms = max(coalesce(last_ms, excluded.last_ms), coalesce(excluded.last_ms, last_ms)),
       seen_ms = max(seen_ms, excluded.seen_ms)`,
    JSON.stringify(rows),
  );
}

/** Isolates tell a manifest's names once each; only the first one's are written. */
function recordNames(sql: Sql, names: ManifestNames): void {
  const { upstream, repository, digest, size, blobs } = names;
  const [manifest] = sql
    .exec(
      `SELECT m.id, m.repository FROM manifest m JOIN repository r ON r.id = m.repository
       WHERE m.digest = ? AND r.upstream = ? AND r.name = ?
       AND NOT EXISTS (SELECT 1 FROM content WHERE repository = r.id AND digest = m.digest AND manifest = m.id)`,
      digest,
      upstream,
      repository,
    )
    .toArray() as { id: number; repository: number }[];
  if (manifest === undefined) return;
  const named = JSON.stringify([[digest, size], ...blobs.map((blob) => [blob.digest, blob.size])]);
  sql.exec(
    `UPDATE repository SET bytes = bytes + (
       SELECT coalesce(sum(size), 0) FROM (
         SELECT max(value->>1) AS size FROM json_each(?) e
         WHERE NOT EXISTS (SELECT 1 FROM content c WHERE c.repository = ? AND c.digest = e.value->>0)
         GROUP BY value->>0))
     WHERE id = ?`,
    named,
    manifest.repository,
    manifest.repository,
  );
  sql.exec(
    `INSERT OR IGNORE INTO content (repository, digest, manifest, size)
     SELECT ?, value->>0, ?, value->>1 FROM json_each(?)`,
    manifest.repository,
    manifest.id,
    named,
  );
}

/** Adds a blob to the newest pull that names it, the same client's before another's. */
function joinBlob(sql: Sql, blob: BlobSum): void {
  const { upstream, repository, digest, client, timeMs, hits, misses, bytes } = blob;
  const manifests = sql
    .exec(
      `SELECT c.manifest FROM content c JOIN repository r ON r.id = c.repository
       WHERE r.upstream = ? AND r.name = ? AND c.digest = ? ORDER BY c.manifest DESC LIMIT ${JOIN_MANIFESTS}`,
      upstream,
      repository,
      digest,
    )
    .toArray() as { manifest: number }[];
  type Candidate = { time_ms: number; id: string; address: string; user_agent: string };
  const isSame = (pull: Candidate): boolean =>
    pull.address === client.address && pull.user_agent === client.userAgent;
  const [best] = manifests
    .flatMap(
      ({ manifest }) =>
        sql
          .exec(
            `SELECT time_ms, id, address, user_agent FROM pull WHERE manifest = ? AND time_ms > ?
             ORDER BY time_ms DESC, id DESC LIMIT ${JOIN_PULLS}`,
            manifest,
            timeMs - JOIN_MS,
          )
          .toArray() as Candidate[],
    )
    .toSorted((a, b) => Number(isSame(b)) - Number(isSame(a)) || b.time_ms - a.time_ms);
  if (best === undefined) return;
  sql.exec(
    `UPDATE pull SET hits = hits + ?, misses = misses + ?, bytes = bytes + ? WHERE time_ms = ? AND id = ?`,
    hits,
    misses,
    bytes,
    best.time_ms,
    best.id,
  );
}

function recordSums(sql: Sql, batch: LedgerBatch): void {
  for (const [startMs, sums] of sumByHour(batch))
    sql.exec(
      `INSERT INTO hour (start_ms, ${SUM_NAMES.join(", ")}) VALUES (?${", ?".repeat(SUM_NAMES.length)})
       ON CONFLICT (start_ms) DO UPDATE SET ${SUM_NAMES.map((name) => `${name} = ${name} + excluded.${name}`).join(", ")}`,
      startMs,
      ...SUM_NAMES.map((name) => sums[name]),
    );
  for (const [kind, count] of Object.entries(batch.failures))
    sql.exec(
      `INSERT INTO failure VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count`,
      kind,
      count,
    );
  for (const { credential, limit, remaining, windowSeconds, seenAtMs } of batch.quotas)
    sql.exec(
      `INSERT INTO quota VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET quota_limit = excluded.quota_limit,
         remaining = excluded.remaining, window_seconds = excluded.window_seconds, seen_ms = excluded.seen_ms
       WHERE excluded.seen_ms >= seen_ms`,
      credential,
      limit,
      remaining,
      windowSeconds,
      seenAtMs,
    );
}
