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
import { OUTCOMES, type PackedPull, unpackPulls } from "./batch.ts";
import { SEEN_AGAIN_MS, recordBatch } from "./sql-record.ts";
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
/** Records dropped with each batch once they are too old: few enough to be quick, and twice what the batch brings. */
const DROP_AT_ONCE = 1_000;
/** The last seen tags of one repository that are shown: with a thousand repositories a page fits into one RPC answer. */
const MAX_TAGS = 200;

type PullRow = Omit<LoggedPull, "id" | "outcome" | "counted" | "client" | "blobs"> & {
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
      this.#dropOld(2 * pulls.length);
    });
  }

  async listPulls(wanted: PullsWanted): Promise<PullsPage> {
    const { sql } = this.#options;
    this.#begin([]);
    const after = wanted.after === null ? null : parsePullId(wanted.after);
    // -1 stands before every serial: from `since` on, inclusive.
    const from =
      after !== null && after.timeMs >= wanted.sinceMs
        ? [after.timeMs, after.serial]
        : [wanted.sinceMs, -1];
    const selected = this.#select(wanted);
    const where = ["(p.time_ms, p.serial) > (?, ?)", "p.time_ms < ?", ...selected.conditions];
    const bindings = [...from, wanted.untilMs, ...selected.bindings];
    const order = wanted.newest === true ? "DESC" : "ASC";
    const rows = sql
      .exec(
        `SELECT p.time_ms AS timeMs, p.serial, r.upstream, r.name AS repository, p.tag, m.digest,
           m.media_type AS mediaType, p.outcome, p.counted, c.address, c.user_agent AS userAgent, c.token,
           p.hits, p.misses, p.bytes
         FROM (SELECT * FROM pull p WHERE ${where.join(" AND ")}
           ORDER BY p.time_ms ${order}, p.serial ${order} LIMIT ?) p
         JOIN repository r ON r.id = p.repository JOIN manifest m ON m.id = p.manifest JOIN client c ON c.id = p.client
         ORDER BY p.time_ms, p.serial`,
        ...bindings,
        wanted.limit,
      )
      .toArray() as unknown as PullRow[];
    return { completeSinceMs: this.#meta("complete"), pulls: rows.map(readPull) };
  }

  /** By `=` wherever it can be: only then does an index give the rows in their order, and a page ends where it is full. */
  #select({ repository, digest }: PullsWanted): {
    readonly conditions: readonly string[];
    readonly bindings: readonly (string | number)[];
  } {
    const { sql } = this.#options;
    const conditions: string[] = [];
    const bindings: (string | number)[] = [];
    if (repository !== null) {
      conditions.push("p.repository = (SELECT id FROM repository WHERE upstream = ? AND name = ?)");
      bindings.push(repository.upstream, repository.repository);
    }
    if (digest !== null) {
      const manifests = sql
        .exec("SELECT id FROM manifest WHERE digest = ? LIMIT 2", digest)
        .toArray();
      const all = "(SELECT id FROM manifest WHERE digest = ?)";
      conditions.push(`p.manifest ${manifests.length > 1 ? "IN" : "="} ${all}`);
      bindings.push(digest);
    }
    return { conditions, bindings };
  }

  async listCatalog(page: CatalogWanted): Promise<readonly CatalogRow[]> {
    const { sql } = this.#options;
    const { after, limit } = page;
    type Row = Omit<CatalogRow, "tags"> & { readonly id: number };
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
    return rows.map(({ id, ...row }) => ({ ...row, tags: this.#tags(id) }));
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
    // None is ever deleted.
    const [{ count }] = sql
      .exec("SELECT coalesce(max(id), 0) AS count FROM repository")
      .toArray() as unknown as [{ count: number }];
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

  #dropOld(atLeast: number): void {
    const { sql, now, keepMs } = this.#options;
    const cutoff = now() - keepMs;
    const [oldest] = sql.exec("SELECT min(time_ms) AS at FROM pull").toArray() as [{ at: unknown }];
    if (typeof oldest.at !== "number" || oldest.at >= cutoff) return;
    sql.exec(
      `DELETE FROM pull WHERE (time_ms, serial) IN
         (SELECT time_ms, serial FROM pull WHERE time_ms < ? ORDER BY time_ms, serial LIMIT ?)`,
      cutoff,
      Math.max(DROP_AT_ONCE, atLeast),
    );
    // Of these no pull was left before.
    sql.exec(
      `DELETE FROM client WHERE id IN (SELECT id FROM client WHERE seen_ms < ? LIMIT ${DROP_AT_ONCE})`,
      oldest.at - SEEN_AGAIN_MS,
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
  const { serial, outcome, counted, address, userAgent, token, hits, misses, bytes, ...rest } = row;
  return {
    ...rest,
    repository: rest.repository satisfies RepositoryName,
    id: formatPullId(rest.timeMs, serial),
    outcome: OUTCOMES[outcome] ?? "hit",
    counted: counted !== 0,
    client: { address, userAgent, token },
    blobs: { hits, misses, bytes },
  };
}
