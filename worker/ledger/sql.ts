import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository.ts";
import type { Tag } from "../oci/tag.ts";
import {
  type CatalogRow,
  type CatalogWanted,
  type Ledger,
  type LedgerBatch,
  type LedgerSums,
  type LoggedPull,
  type PullsPage,
  type PullsWanted,
  type QuotaSeen,
  type Sums,
  formatPullId,
  parsePullId,
} from "./ledger.ts";
import { recordBatch } from "./sql-record.ts";
import { type Sql, createTables } from "./sql-schema.ts";
import { SUM_NAMES } from "./sums.ts";

/** What {@link SqlLedger} works with. */
export interface SqlLedgerOptions {
  readonly sql: Sql;
  /** Runs work that is kept whole or not at all. */
  readonly transaction: (work: () => void) => void;
  readonly keepMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Records dropped per batch once they are too old: more than a batch brings, few enough to be quick. */
const DROP_AT_ONCE = 2_000;
/** The last seen tags of one repository that are shown: with a thousand repositories a page fits into one RPC answer. */
const MAX_TAGS = 200;

type PullRow = Omit<LoggedPull, "id" | "counted" | "client" | "blobs"> & {
  readonly id: string;
  readonly counted: number;
  readonly address: string;
  readonly userAgent: string;
  readonly hits: number;
  readonly misses: number;
  readonly bytes: number;
};

/** Keeps the records in SQLite. */
export class SqlLedger implements Ledger {
  readonly #options: SqlLedgerOptions;

  constructor(options: SqlLedgerOptions) {
    this.#options = options;
    createTables(options.sql);
  }

  async record(batch: LedgerBatch): Promise<void> {
    const { sql, transaction } = this.#options;
    transaction(() => {
      this.#begin(batch);
      recordBatch(sql, batch);
      if (batch.lost !== null) {
        this.#raise("lost", batch.lost.count, "value + excluded.value");
        this.#completeSince(batch.lost.lastMs + 1);
      }
      this.#dropOld();
    });
  }

  async listPulls(wanted: PullsWanted): Promise<PullsPage> {
    const { sql } = this.#options;
    this.#begin(null);
    const after = wanted.after === null ? null : parsePullId(wanted.after);
    const conditions = ["(p.time_ms, p.id) > (?, ?)", "p.time_ms < ?"];
    // `""` stands before every id: from `since` on, inclusive.
    const from =
      after !== null && after.timeMs >= wanted.sinceMs
        ? [after.timeMs, after.id]
        : [wanted.sinceMs, ""];
    const bindings: (string | number)[] = [...from, wanted.untilMs];
    if (wanted.repository !== null) {
      // The only upstream's; with several, a name finds the repositories of all of them.
      conditions.push("p.repository IN (SELECT id FROM repository WHERE name = ?)");
      bindings.push(wanted.repository);
    }
    if (wanted.digest !== null) {
      conditions.push("p.manifest IN (SELECT id FROM manifest WHERE digest = ?)");
      bindings.push(wanted.digest);
    }
    const order = wanted.newest === true ? "DESC" : "ASC";
    const rows = sql
      .exec(
        `SELECT p.time_ms AS timeMs, p.id, r.upstream, r.name AS repository, p.tag, m.digest, m.media_type AS mediaType,
           p.outcome, p.counted, p.address, p.user_agent AS userAgent, p.hits, p.misses, p.bytes
         FROM (SELECT * FROM pull p WHERE ${conditions.join(" AND ")} ORDER BY p.time_ms ${order}, p.id ${order} LIMIT ?) p
         JOIN repository r ON r.id = p.repository JOIN manifest m ON m.id = p.manifest
         ORDER BY p.time_ms, p.id`,
        ...bindings,
        wanted.limit,
      )
      .toArray() as unknown as PullRow[];
    return { completeSinceMs: this.#meta("complete"), pulls: rows.map(readPull) };
  }

  async listCatalog(page: CatalogWanted): Promise<readonly CatalogRow[]> {
    const { sql } = this.#options;
    const { after, limit } = page;
    const order = page.byUse === true ? "hits + misses DESC, upstream, name" : "upstream, name";
    type Row = Omit<CatalogRow, "tags"> & { readonly id: number };
    const rows = sql
      .exec(
        `SELECT id, upstream, name AS repository, bytes, first_ms AS firstPullMs, last_ms AS lastPullMs, hits, misses
         FROM repository WHERE (upstream, name) > (?, ?) ORDER BY ${order} LIMIT ?`,
        after?.upstream ?? "",
        after?.repository ?? "",
        limit,
      )
      .toArray() as unknown as Row[];
    return rows.map(({ id, ...row }) => ({ ...row, tags: this.#tags(id) }));
  }

  async sum(span: { readonly sinceMs: number; readonly untilMs: number }): Promise<LedgerSums> {
    const { sql } = this.#options;
    const names = SUM_NAMES.join(", ");
    const hours = sql
      .exec(
        `SELECT start_ms AS startMs, ${names} FROM hour WHERE start_ms >= ? AND start_ms < ? ORDER BY start_ms`,
        span.sinceMs,
        span.untilMs,
      )
      .toArray() as unknown as LedgerSums["hours"];
    const all = SUM_NAMES.map((name) => `coalesce(sum(${name}), 0) AS ${name}`).join(", ");
    const [ever] = sql.exec(`SELECT ${all} FROM hour`).toArray() as unknown as [Sums];
    const [{ count }] = sql
      .exec("SELECT count(*) AS count FROM repository")
      .toArray() as unknown as [{ count: number }];
    const quotas = sql
      .exec(
        `SELECT credential, quota_limit AS "limit", remaining, window_seconds AS windowSeconds, seen_ms AS seenAtMs
         FROM quota ORDER BY credential`,
      )
      .toArray() as unknown as QuotaSeen[];
    const failures = sql
      .exec("SELECT kind, count FROM failure ORDER BY kind")
      .toArray() as unknown as { kind: string; count: number }[];
    return {
      hours,
      quotas,
      failures: Object.fromEntries(failures.map(({ kind, count }) => [kind, count])),
      lost: this.#meta("lost"),
      ever,
      repositories: count,
    };
  }

  #tags(repository: number): CatalogRow["tags"] {
    const rows = this.#options.sql
      .exec(
        `SELECT tag, digest, stored_ms AS storedAtMs, last_ms AS lastPullMs FROM
           (SELECT * FROM tag WHERE repository = ? ORDER BY seen_ms DESC LIMIT ${MAX_TAGS}) ORDER BY tag`,
        repository,
      )
      .toArray() as unknown as {
      tag: Tag;
      digest: Digest;
      storedAtMs: number;
      lastPullMs: number | null;
    }[];
    return rows;
  }

  /** The log begins with the first batch's first pull, or when it is first read. */
  #begin(batch: LedgerBatch | null): void {
    let first = this.#options.now();
    for (const { timeMs } of batch?.pulls ?? []) first = Math.min(first, timeMs);
    this.#options.sql.exec("INSERT OR IGNORE INTO meta VALUES ('complete', ?)", first);
  }

  #completeSince(timeMs: number): void {
    this.#raise("complete", timeMs, "max(value, excluded.value)");
  }

  #dropOld(): void {
    const { sql, now, keepMs } = this.#options;
    const cutoff = now() - keepMs;
    const [oldest] = sql.exec("SELECT min(time_ms) AS at FROM pull").toArray() as [{ at: unknown }];
    if (typeof oldest.at !== "number" || oldest.at >= cutoff) return;
    sql.exec(
      `DELETE FROM pull WHERE (time_ms, id) IN
         (SELECT time_ms, id FROM pull WHERE time_ms < ? ORDER BY time_ms, id LIMIT ${DROP_AT_ONCE})`,
      cutoff,
    );
    this.#completeSince(cutoff);
  }

  #raise(name: string, value: number, how: string): void {
    this.#options.sql.exec(
      `INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = ${how}`,
      name,
      value,
    );
  }

  #meta(name: string): number {
    const [row] = this.#options.sql.exec("SELECT value FROM meta WHERE name = ?", name).toArray();
    return typeof row?.["value"] === "number" ? row["value"] : 0;
  }
}

function readPull(row: PullRow): LoggedPull {
  const { id, counted, address, userAgent, hits, misses, bytes, ...rest } = row;
  return {
    ...rest,
    repository: rest.repository satisfies RepositoryName,
    id: formatPullId(rest.timeMs, id),
    counted: counted !== 0,
    client: { address, userAgent },
    blobs: { hits, misses, bytes },
  };
}
