import {
  type CatalogRow,
  type CatalogWanted,
  type Ledger,
  type LedgerBatch,
  type LedgerSums,
  type PullsPage,
  type PullsWanted,
  type QuotaSeen,
  type Sums,
  MAX_PAGE_TAGS,
  MAX_TAGS,
} from "./ledger.ts";
import { type PackedPull, unpackPulls } from "./batch.ts";
import { dropClients, dropPulls, dropTags } from "./sql-drop.ts";
import { listPulls } from "./sql-pulls.ts";
import { recordBatch } from "./sql-record.ts";
import { type Sql, createTables } from "./sql-schema.ts";
import { findTags } from "./sql-tags.ts";
import { readUpstreams } from "./sql-upstreams.ts";
import { SUM_NAMES, noSums } from "./sums.ts";

/** What {@link SqlLedger} works with. */
export interface SqlLedgerOptions {
  readonly sql: Sql;
  /** Runs work that is kept whole or not at all. */
  readonly transaction: (work: () => void) => void;
  readonly keepMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** So many batches are known again: one that comes twice comes within seconds. */
const REMEMBERED_BATCHES = 10_000;
/** Pulls dropped with each batch once they are too old: few enough to be quick, and twice what the batch brings. */
const DROP_AT_ONCE = 1_000;

/** Keeps the records in SQLite. */
export class SqlLedger implements Ledger {
  readonly #options: SqlLedgerOptions;

  constructor(options: SqlLedgerOptions) {
    this.#options = options;
    createTables(options.sql);
  }

  async record(batch: LedgerBatch): Promise<void> {
    const { sql, transaction } = this.#options;
    const pulls = unpackPulls(batch);
    transaction(() => {
      if (!this.#take(batch.id)) return;
      this.#begin(pulls);
      recordBatch(sql, batch, pulls);
      if (batch.lost !== null) {
        this.#raise("lost", batch.lost.count, "value + excluded.value");
        this.#completeSince(batch.lost.lastMs + 1);
      }
      this.#dropPulls(2 * pulls.length);
    });
  }

  /**
   * Drops some of what is too old: pulls with their manifests, which each batch does too, clients and tags.
   *
   * @returns whether all of it went
   */
  dropOld(): boolean {
    const { sql, transaction } = this.#options;
    let isDone = false;
    transaction(() => {
      const parts = [
        this.#dropPulls(0),
        dropClients(sql, this.#cutoffMs()),
        dropTags(sql, this.#cutoffMs()),
      ];
      isDone = !parts.includes(false);
    });
    return isDone;
  }

  async listPulls(wanted: PullsWanted): Promise<PullsPage> {
    this.#begin([]);
    const cutoffMs = this.#cutoffMs();
    const sinceMs = Math.max(wanted.sinceMs, cutoffMs);
    return {
      completeSinceMs: Math.max(this.#meta("complete"), cutoffMs),
      pulls: listPulls(this.#options.sql, { ...wanted, sinceMs }),
    };
  }

  async listCatalog(page: CatalogWanted): Promise<readonly CatalogRow[]> {
    const { sql } = this.#options;
    const { after, limit } = page;
    type Row = Omit<CatalogRow, "tags" | "tagsOmitted"> & { readonly id: number };
    const columns = `id, upstream, name AS repository, bytes, first_ms AS firstPullMs, last_ms AS lastPullMs, hits, misses`;
    // Both orders are an index's.
    const [rest, ...bindings] =
      page.byUse === true
        ? ["ORDER BY hits + misses DESC, upstream, name"]
        : [
            "WHERE (upstream, name) > (?, ?) ORDER BY upstream, name",
            after?.upstream ?? "",
            after?.repository ?? "",
          ];
    const rows = sql
      .exec(`SELECT ${columns} FROM repository ${rest} LIMIT ?`, ...bindings, limit)
      .toArray() as unknown as Row[];
    if (page.byUse === true)
      return rows.map(({ id: _id, ...row }) => ({ ...row, tags: [], tagsOmitted: 0 }));
    const listed: CatalogRow[] = [];
    let tags = 0;
    for (const { id, ...row } of rows) {
      const shown = this.#tags(id);
      tags += shown.tags.length;
      if (tags > MAX_PAGE_TAGS && listed.length > 0) break;
      listed.push({ ...row, ...shown });
    }
    return listed;
  }

  async findTags(manifests: Parameters<Ledger["findTags"]>[0]): ReturnType<Ledger["findTags"]> {
    return findTags(this.#options.sql, manifests);
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
    const [ever = noSums()] = sql.exec(`SELECT ${names} FROM ever`).toArray() as unknown as Sums[];
    const quotas = sql
      .exec(
        `SELECT credential, quota_limit AS "limit", remaining, window_seconds AS windowSeconds, seen_ms AS seenAtMs
         FROM quota ORDER BY credential`,
      )
      .toArray() as unknown as QuotaSeen[];
    return {
      hours,
      quotas,
      upstreams: readUpstreams(sql, span),
      lost: this.#meta("lost"),
      ever,
      repositories: this.#meta("pulled"),
    };
  }

  /** The tags that were asked for within the log's time. */
  #tags(repository: number): Pick<CatalogRow, "tags" | "tagsOmitted"> {
    const { sql } = this.#options;
    const since = [repository, this.#cutoffMs()];
    const tags = sql
      .exec(
        `SELECT tag, digest, stored_ms AS storedAtMs, last_ms AS lastPullMs, seen_ms AS lastSeenMs FROM
           (SELECT * FROM tag WHERE repository = ? AND seen_ms >= ? ORDER BY seen_ms DESC, tag LIMIT ${MAX_TAGS})
         ORDER BY tag`,
        ...since,
      )
      .toArray() as unknown as CatalogRow["tags"];
    if (tags.length < MAX_TAGS) return { tags, tagsOmitted: 0 };
    const [{ count }] = sql
      .exec("SELECT count(*) AS count FROM tag WHERE repository = ? AND seen_ms >= ?", ...since)
      .toArray() as [{ count: number }];
    return { tags, tagsOmitted: count - tags.length };
  }

  /** Whether a batch is new. */
  #take(id: string): boolean {
    const { sql } = this.#options;
    const [taken] = sql
      .exec("INSERT INTO batch (id) VALUES (?) ON CONFLICT DO NOTHING RETURNING serial", id)
      .toArray() as { serial: number }[];
    if (taken !== undefined)
      sql.exec("DELETE FROM batch WHERE serial <= ?", taken.serial - REMEMBERED_BATCHES);
    return taken !== undefined;
  }

  /** The log begins with the first batch's first pull, or when it is first read. */
  #begin(pulls: readonly PackedPull[]): void {
    let first = this.#options.now();
    for (const { timeMs } of pulls) first = Math.min(first, timeMs);
    this.#options.sql.exec("INSERT OR IGNORE INTO meta VALUES ('complete', ?)", first);
  }

  #completeSince(timeMs: number): void {
    this.#raise("complete", timeMs, "max(value, excluded.value)");
  }

  /** @returns whether none was too old, or all of those went */
  #dropPulls(atLeast: number): boolean {
    const { sql } = this.#options;
    const cutoffMs = this.#cutoffMs();
    const [oldest] = sql.exec("SELECT min(time_ms) AS at FROM pull").toArray() as [{ at: unknown }];
    if (typeof oldest.at !== "number" || oldest.at >= cutoffMs) return true;
    this.#completeSince(cutoffMs);
    return dropPulls(sql, { cutoffMs, limit: Math.max(DROP_AT_ONCE, atLeast) });
  }

  #cutoffMs(): number {
    return this.#options.now() - this.#options.keepMs;
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
