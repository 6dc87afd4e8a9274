import { OUTCOMES } from "./batch.ts";
import { type LoggedPull, type PullsWanted, formatPullId, parsePullId } from "./ledger.ts";
import type { Sql } from "./sql-schema.ts";

type Row = Omit<LoggedPull, "id" | "outcome" | "counted" | "client" | "blobs"> & {
  readonly serial: number;
  readonly outcome: number;
  readonly counted: number;
  readonly address: string;
  readonly token: string;
  readonly userAgent: string;
  readonly hits: number;
  readonly misses: number;
  readonly bytes: number;
};

/** Where a page begins and ends; `column` and `id` are what its pulls have in common. */
interface Range {
  /** Exclusive; -1 stands before every serial. */
  readonly from: readonly [timeMs: number, serial: number];
  /** Exclusive. */
  readonly untilMs: number;
  readonly of: { readonly column: "repository" | "manifest"; readonly id: number } | null;
}

/** Lists a page of the log, oldest first. */
export function listPulls(sql: Sql, wanted: PullsWanted): LoggedPull[] {
  const after = wanted.after === null ? null : parsePullId(wanted.after);
  const range: Range = {
    from:
      after !== null && after.timeMs >= wanted.sinceMs
        ? [after.timeMs, after.serial]
        : [wanted.sinceMs, -1],
    untilMs: wanted.untilMs,
    of: null,
  };
  const { repository, digest } = wanted;
  if (digest !== null) return listByManifests(sql, wanted, range).map(readPull);
  if (repository === null) return listRange(sql, wanted, range).map(readPull);
  const id = findRepository(sql, repository);
  if (id === null) return [];
  return listRange(sql, wanted, { ...range, of: { column: "repository", id } }).map(readPull);
}

/** A digest is another manifest in each repository: a page of each by its index, and no more than may be on this one. */
function listByManifests(sql: Sql, wanted: PullsWanted, range: Range): Row[] {
  let { from, untilMs } = range;
  let rows: Row[] = [];
  for (const id of findManifests(sql, wanted)) {
    const of = { column: "manifest", id } as const;
    const found = listRange(sql, wanted, { from, untilMs, of });
    const all = [...rows, ...found].toSorted((a, b) => a.timeMs - b.timeMs || a.serial - b.serial);
    rows = wanted.newest === true ? all.slice(-wanted.limit) : all.slice(0, wanted.limit);
    const [first, last] = [rows[0], rows.at(-1)];
    if (rows.length < wanted.limit || first === undefined || last === undefined) continue;
    if (wanted.newest === true) from = [first.timeMs, first.serial];
    else untilMs = Math.min(untilMs, last.timeMs + 1);
  }
  return rows;
}

function findManifests(sql: Sql, { repository, digest }: PullsWanted): number[] {
  const id = repository === null ? null : findRepository(sql, repository);
  if (repository !== null && id === null) return [];
  return sql
    .exec(
      "SELECT id FROM manifest WHERE digest = ? AND repository = coalesce(?, repository)",
      digest,
      id,
    )
    .toArray()
    .map((row) => Number(row["id"]));
}

function findRepository(
  sql: Sql,
  { upstream, repository }: NonNullable<PullsWanted["repository"]>,
): number | null {
  const id = sql
    .exec("SELECT id FROM repository WHERE upstream = ? AND name = ?", upstream, repository)
    .toArray()[0]?.["id"];
  return typeof id === "number" ? id : null;
}

/** By `=` and in the order of an index, so that a page ends where it is full. */
function listRange(sql: Sql, { newest, limit }: PullsWanted, range: Range): Row[] {
  const { from, untilMs, of } = range;
  const order = newest === true ? "DESC" : "ASC";
  return sql
    .exec(
      `SELECT p.time_ms AS timeMs, p.serial, r.upstream, r.name AS repository, p.tag, m.digest,
         m.media_type AS mediaType, p.outcome, p.counted, c.address, c.user_agent AS userAgent, c.token,
         p.hits, p.misses, p.bytes
       FROM (SELECT * FROM pull p
         WHERE (p.time_ms, p.serial) > (?, ?) AND p.time_ms < ? ${of === null ? "" : `AND p.${of.column} = ?`}
         ORDER BY p.time_ms ${order}, p.serial ${order} LIMIT ?) p
       JOIN repository r ON r.id = p.repository JOIN manifest m ON m.id = p.manifest JOIN client c ON c.id = p.client
       ORDER BY p.time_ms, p.serial`,
      ...from,
      untilMs,
      ...(of === null ? [] : [of.id]),
      limit,
    )
    .toArray() as unknown as Row[];
}

function readPull(row: Row): LoggedPull {
  const { serial, outcome, counted, address, userAgent, token, hits, misses, bytes, ...rest } = row;
  return {
    ...rest,
    id: formatPullId(rest.timeMs, serial),
    outcome: OUTCOMES[outcome] ?? "hit",
    counted: counted !== 0,
    client: { address, userAgent, token },
    blobs: { hits, misses, bytes },
  };
}
