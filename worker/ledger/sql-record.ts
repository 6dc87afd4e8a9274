import { OUTCOMES, type PackedPull } from "./batch.ts";
import type { LedgerBatch, RepositoryId, Sums } from "./ledger.ts";
import { sliceJson } from "./json-slices.ts";
import { recordNames } from "./sql-content.ts";
import { leaveOutProbes } from "./probes.ts";
import { joinBlobs } from "./sql-join.ts";
import type { Sql } from "./sql-schema.ts";
import { recordUpstreamSums, recordUpstreams } from "./sql-upstreams.ts";
import { SUM_NAMES, addSums, noSums, sumByHour } from "./sums.ts";

/*
 * A batch of a thousand pulls is a handful of statements over `json_each`, not thousands: on one machine the ledger runs
 * on the thread that serves the pulls. `value->>n` reads an element anew each time, so rows are kept short.
 */

/** A client's last time is written no more often than this: a pull of a known one costs no row for it. */
export const SEEN_AGAIN_MS: number = 24 * 3_600_000;

/** Ids by the places of a batch's lists. */
interface Ids {
  readonly repositories: ReadonlyMap<string, number>;
  readonly manifests: readonly { readonly id: number; readonly repository: number }[];
  readonly clients: readonly number[];
}

/**
 * Writes a batch; to be run in a transaction.
 *
 * @param pulls - the batch's own, unpacked
 */
export function recordBatch(sql: Sql, batch: LedgerBatch, pulls: Pulls): void {
  const counted = leaveOutProbes({ batch, pulls });
  const repositories = recordRepositories(sql, batch, counted.pulls);
  const manifests = recordManifests(sql, batch, repositories);
  const ids = { repositories, manifests, clients: recordClients(sql, batch, pulls) };
  recordPulls(sql, pulls, ids);
  recordTags(sql, { batch, pulls, ids });
  for (const [place, seen] of batch.manifests.entries()) recordNames(sql, seen, manifests[place]);
  // After the pulls and names of the same batch, which they belong to.
  joinBlobs(sql, batch.blobs);
  recordSums(sql, counted.batch, counted.pulls);
}

type Pulls = readonly PackedPull[];

function nameOf({ upstream, repository }: RepositoryId): string {
  return `${upstream}/${repository}`;
}

function recordRepositories(sql: Sql, batch: LedgerBatch, pulls: Pulls): Map<string, number> {
  interface Row {
    readonly id: RepositoryId;
    first: number | null;
    last: number | null;
    hits: number;
    misses: number;
  }
  const rows = new Map<string, Row>();
  const rowOf = (id: RepositoryId): Row => {
    const row = rows.get(nameOf(id)) ?? { id, first: null, last: null, hits: 0, misses: 0 };
    rows.set(nameOf(id), row);
    return row;
  };
  for (const seen of batch.tags) rowOf(seen);
  const byManifest = batch.manifests.map(rowOf);
  for (const { manifest, timeMs, outcome } of pulls) {
    const row = byManifest[manifest];
    if (row === undefined) continue;
    row.first = Math.min(row.first ?? timeMs, timeMs);
    row.last = Math.max(row.last ?? 0, timeMs);
    if (outcome === "miss") row.misses += 1;
    else row.hits += 1;
  }
  const values = [...rows.values()].map(({ id, first, last, hits, misses }) => {
    return [id.upstream, id.repository, first, last, hits, misses];
  });
  const written = sliceJson(values).flatMap(
    ({ json }) =>
      sql
        .exec(
          `INSERT INTO repository (upstream, name, first_ms, last_ms, hits, misses)
           SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each(?) WHERE true
           ON CONFLICT (upstream, name) DO UPDATE SET
             first_ms = min(coalesce(first_ms, excluded.first_ms), coalesce(excluded.first_ms, first_ms)),
             last_ms = max(coalesce(last_ms, excluded.last_ms), coalesce(excluded.last_ms, last_ms)),
             hits = hits + excluded.hits, misses = misses + excluded.misses
           RETURNING id, upstream, name AS repository, hits + misses AS pulls`,
          json,
        )
        .toArray() as unknown as (RepositoryId & { id: number; pulls: number })[],
  );
  // Counted as they are first pulled, since a count would read them all.
  const pulled = written.filter((row) => {
    const told = rows.get(nameOf(row));
    return row.pulls > 0 && row.pulls === (told?.hits ?? 0) + (told?.misses ?? 0);
  });
  if (pulled.length > 0)
    sql.exec(
      "INSERT INTO meta VALUES ('pulled', ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
      pulled.length,
    );
  return new Map(written.map((row) => [nameOf(row), row.id]));
}

function recordManifests(
  sql: Sql,
  { manifests }: LedgerBatch,
  repositories: ReadonlyMap<string, number>,
): Ids["manifests"] {
  const rows = manifests.map((seen) => {
    return [seen.digest, repositories.get(nameOf(seen)) ?? 0, seen.mediaType] as const;
  });
  return sliceJson(rows).flatMap(({ json }) => {
    sql.exec(
      `INSERT OR IGNORE INTO manifest (digest, repository, media_type)
       SELECT value->>0, value->>1, value->>2 FROM json_each(?)`,
      json,
    );
    return sql
      .exec(
        `SELECT m.id, m.repository FROM json_each(?) e
         JOIN manifest m ON m.digest = e.value->>0 AND m.repository = e.value->>1 ORDER BY e.key`,
        json,
      )
      .toArray() as { id: number; repository: number }[];
  });
}

function recordClients(sql: Sql, { clients }: LedgerBatch, pulls: Pulls): Ids["clients"] {
  const seen = clients.map(() => 0);
  for (const { client, timeMs } of pulls) seen[client] = Math.max(seen[client] ?? 0, timeMs);
  const rows = clients.map(({ address, userAgent, token }, place) => {
    return [userAgent, address, token, seen[place]];
  });
  return sliceJson(rows).flatMap(({ json }) => {
    sql.exec(
      `INSERT INTO client (user_agent, address, token, seen_ms)
       SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?) WHERE true
       ON CONFLICT DO UPDATE SET seen_ms = excluded.seen_ms WHERE excluded.seen_ms > seen_ms + ${SEEN_AGAIN_MS}`,
      json,
    );
    const found = sql
      .exec(
        `SELECT c.id FROM json_each(?) e JOIN client c
           ON c.user_agent = e.value->>0 AND c.address = e.value->>1 AND c.token = e.value->>2 ORDER BY e.key`,
        json,
      )
      .toArray() as { id: number }[];
    return found.map(({ id }) => id);
  });
}

function recordPulls(sql: Sql, pulls: Pulls, { manifests, clients }: Ids): void {
  if (pulls.length === 0) return;
  const rows = pulls.map(({ timeMs, manifest, client, tag, outcome, counted }) => {
    const { id, repository } = manifests[manifest] ?? { id: 0, repository: 0 };
    const flag = counted ? 1 : 0;
    return [timeMs, repository, id, clients[client] ?? 0, tag, OUTCOMES.indexOf(outcome), flag];
  });
  const [{ first }] = sql
    .exec(
      `INSERT INTO meta VALUES ('serial', ?) ON CONFLICT DO UPDATE SET value = value + excluded.value
       RETURNING value - ? AS first`,
      rows.length,
      rows.length,
    )
    .toArray() as [{ first: number }];
  for (const { start, json } of sliceJson(rows))
    sql.exec(
      `INSERT INTO pull (time_ms, serial, repository, manifest, client, tag, outcome, counted)
       SELECT value->>0, key + ?, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6 FROM json_each(?)`,
      first + start,
      json,
    );
}

function recordTags(
  sql: Sql,
  from: { readonly batch: LedgerBatch; readonly pulls: Pulls; readonly ids: Ids },
): void {
  const { batch, pulls, ids } = from;
  interface Row {
    readonly repository: number;
    readonly tag: string;
    readonly digest: string;
    first: number;
    seen: number;
    pulled: number | null;
  }
  const rows = new Map<string, Row>();
  const see = (row: Omit<Row, "first" | "seen">, timeMs: number): void => {
    const name = `${row.repository} ${row.tag} ${row.digest}`;
    const known = rows.get(name) ?? { ...row, first: timeMs, seen: timeMs };
    known.first = Math.min(known.first, timeMs);
    known.seen = Math.max(known.seen, timeMs);
    if (row.pulled !== null) known.pulled = Math.max(known.pulled ?? 0, row.pulled);
    rows.set(name, known);
  };
  for (const seen of batch.tags) {
    const { tag, digest, timeMs } = seen;
    const repository = ids.repositories.get(nameOf(seen)) ?? 0;
    see({ repository, tag, digest, pulled: null }, timeMs);
  }
  for (const { manifest, tag, timeMs } of pulls) {
    const { digest } = batch.manifests[manifest] ?? {};
    const { repository } = ids.manifests[manifest] ?? {};
    if (tag === null || digest === undefined || repository === undefined) continue;
    see({ repository, tag, digest, pulled: timeMs }, timeMs);
  }
  const values = [...rows.values()]
    .toSorted((a, b) => a.seen - b.seen)
    .map(({ repository, tag, digest, first, seen, pulled }) => {
      return [repository, tag, digest, first, seen, pulled];
    });
  // A batch that comes late must not move a tag back.
  for (const { json } of sliceJson(values))
    sql.exec(
      `INSERT INTO tag (repository, tag, digest, stored_ms, seen_ms, last_ms)
       SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each(?) WHERE true
       ON CONFLICT (repository, tag) DO UPDATE SET
         stored_ms = CASE WHEN excluded.digest = digest THEN min(stored_ms, excluded.stored_ms)
           WHEN excluded.seen_ms >= seen_ms THEN excluded.stored_ms ELSE stored_ms END,
         digest = CASE WHEN excluded.seen_ms >= seen_ms THEN excluded.digest ELSE digest END,
         last_ms = max(coalesce(last_ms, excluded.last_ms), coalesce(excluded.last_ms, last_ms)),
         seen_ms = max(seen_ms, excluded.seen_ms)`,
      json,
    );
}

function recordSums(sql: Sql, batch: LedgerBatch, pulls: Pulls): void {
  const ever = noSums();
  for (const [startMs, sums] of sumByHour(batch, pulls)) {
    addToRow(sql, ["hour", startMs], sums);
    addSums(ever, sums);
  }
  if (batch.pulls.length + batch.blobs.length + batch.fetched.length > 0)
    addToRow(sql, ["ever", 1], ever);
  recordUpstreams(sql, batch.upstreams);
  recordUpstreamSums(sql, batch, pulls);
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

function addToRow(sql: Sql, [table, id]: readonly ["hour" | "ever", number], sums: Sums): void {
  sql.exec(
    `INSERT INTO ${table} VALUES (?${", ?".repeat(SUM_NAMES.length)})
     ON CONFLICT DO UPDATE SET ${SUM_NAMES.map((name) => `${name} = ${name} + excluded.${name}`).join(", ")}`,
    id,
    ...SUM_NAMES.map((name) => sums[name]),
  );
}
