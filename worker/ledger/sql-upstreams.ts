import type { Sql } from "./sql-schema.ts";
import { type FailureSum, LIMIT_KIND, type UpstreamAnswers } from "./upstreams.ts";

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

/** Reads them, in order of their names. */
export function readUpstreams(sql: Sql): UpstreamAnswers[] {
  const rows = sql
    .exec(
      `SELECT name AS upstream, answered_ms AS answeredMs, allowed_ms AS allowedMs FROM upstream ORDER BY name`,
    )
    .toArray() as unknown as Omit<UpstreamAnswers, "failures">[];
  const failures = sql
    .exec(
      `SELECT upstream, kind, count, since_ms AS sinceMs, last_ms AS lastMs FROM upstream_failure
       ORDER BY upstream, kind`,
    )
    .toArray() as unknown as (FailureSum & { readonly upstream: string })[];
  return rows.map((row) => ({
    ...row,
    failures: failures
      .filter(({ upstream }) => upstream === row.upstream)
      .map(({ upstream: _upstream, ...failure }) => failure),
  }));
}
