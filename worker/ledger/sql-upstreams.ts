import type { PackedPull } from "./batch.ts";
import type { LedgerBatch } from "./ledger.ts";
import type { Sql } from "./sql-schema.ts";
import { UpstreamHours, addUpstreamHours } from "./upstream-sums.ts";
import {
  type FailureSum,
  LIMIT_KIND,
  type UpstreamAnswers,
  type UpstreamRow,
  type UpstreamSums,
} from "./upstreams.ts";

/** Writes how registries answered; those of a batch come after one another by their times, whatever order it is told in. */
export function recordUpstreams(sql: Sql, told: readonly UpstreamAnswers[]): void {
  for (const { upstream, answeredMs, allowedMs, failures } of told) {
    sql.exec(
      `INSERT INTO upstream (name, answered_ms, allowed_ms) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET
         answered_ms = max(answered_ms, excluded.answered_ms), allowed_ms = max(allowed_ms, excluded.allowed_ms)`,
      upstream,
      answeredMs,
      allowedMs,
    );
    for (const { kind, count, sinceMs, lastMs } of failures)
      sql.exec(
        `INSERT INTO upstream_failure VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
           count = count + excluded.count,
           since_ms = CASE WHEN last_ms > (SELECT ${kind === LIMIT_KIND ? "allowed_ms" : "answered_ms"} FROM upstream
             WHERE name = excluded.upstream) THEN since_ms ELSE excluded.since_ms END,
           last_ms = max(last_ms, excluded.last_ms)`,
        upstream,
        kind,
        count,
        sinceMs,
        lastMs,
      );
  }
}

/** Adds a batch's pulls to what came through each registry: two rows for each, whatever the batch's size. */
export function recordUpstreamSums(
  sql: Sql,
  batch: LedgerBatch,
  pulls: readonly PackedPull[],
): void {
  const hours = new UpstreamHours();
  addUpstreamHours(hours, batch, pulls);
  const add =
    "pulls = pulls + excluded.pulls, misses = misses + excluded.misses, counted = counted + excluded.counted";
  for (const { startMs, upstream, pulls: count, misses, counted } of hours.list()) {
    sql.exec(
      `INSERT INTO upstream_hour VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ${add}`,
      startMs,
      upstream,
      count,
      misses,
      counted,
    );
    sql.exec(
      `INSERT INTO upstream (name, pulls, misses, counted) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET ${add}`,
      upstream,
      count,
      misses,
      counted,
    );
  }
}

/**
 * Reads them, in order of their names.
 *
 * @param span - `untilMs` exclusive
 */
export function readUpstreams(
  sql: Sql,
  span: { readonly sinceMs: number; readonly untilMs: number },
): UpstreamRow[] {
  const rows = sql
    .exec(
      `SELECT name AS upstream, answered_ms AS answeredMs, allowed_ms AS allowedMs, pulls, misses, counted
       FROM upstream ORDER BY name`,
    )
    .toArray() as unknown as (Omit<UpstreamAnswers, "failures"> & UpstreamSums)[];
  const failures = sql
    .exec(
      `SELECT upstream, kind, count, since_ms AS sinceMs, last_ms AS lastMs FROM upstream_failure
       ORDER BY upstream, kind`,
    )
    .toArray() as unknown as (FailureSum & { readonly upstream: string })[];
  const hours = sql
    .exec(
      `SELECT upstream, sum(pulls) AS pulls, sum(misses) AS misses, sum(counted) AS counted FROM upstream_hour
       WHERE start_ms >= ? AND start_ms < ? GROUP BY upstream`,
      span.sinceMs,
      span.untilMs,
    )
    .toArray() as unknown as (UpstreamSums & { readonly upstream: string })[];
  return rows.map(({ upstream, answeredMs, allowedMs, ...ever }) => {
    const hour = hours.find((one) => one.upstream === upstream);
    const { pulls, misses, counted } = hour ?? { pulls: 0, misses: 0, counted: 0 };
    return {
      upstream,
      answeredMs,
      allowedMs,
      failures: failures
        .filter((one) => one.upstream === upstream)
        .map(({ upstream: _upstream, ...failure }) => failure),
      span: { pulls, misses, counted },
      ever,
    };
  });
}
