import type { Sql } from "../ledger/sql-schema.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryKey } from "../store/store.ts";
import { dropManifests, dropUnused, pickManifests } from "./sql-evict.ts";
import { comparePage } from "./sql-sweep.ts";
import type { Comparison, InventoryUpkeep, ListedPage, ManifestBatch, Taking } from "./upkeep.ts";

/** R2 deletes at most this many with one operation. */
const MAX_PICKED = 1_000;

/** What {@link SqlUpkeep} works with: the tables of `SqlInventory`. */
export interface SqlUpkeepOptions {
  readonly sql: Sql;
  /** Runs work that is kept whole or not at all. */
  readonly transaction: (work: () => void) => void;
}

/** Chooses what goes and forgets what went, in the inventory's SQLite. */
export class SqlUpkeep implements InventoryUpkeep {
  readonly #options: SqlUpkeepOptions;

  constructor(options: SqlUpkeepOptions) {
    this.#options = options;
  }

  usedBytes(): number {
    return Number(this.read("bytes") ?? 0);
  }

  pickManifests(taking: Taking): ManifestBatch {
    return pickManifests(this.#options.sql, taking);
  }

  dropManifests(batch: ManifestBatch): void {
    this.#evicting(() => dropManifests(this.#options.sql, batch.ids));
  }

  pickBlobs(storedBeforeMs: number): readonly Digest[] {
    return this.#options.sql
      .exec(
        `SELECT digest FROM content WHERE is_named = 0 AND stored_ms IS NOT NULL AND stored_ms < ?
         ORDER BY stored_ms LIMIT ${MAX_PICKED}`,
        storedBeforeMs,
      )
      .toArray()
      .map(({ digest }) => digest as Digest);
  }

  dropBlobs(digests: readonly Digest[]): void {
    this.#evicting(() => dropBlobs(this.#options.sql, digests));
  }

  pickTags(writtenBeforeMs: number): readonly string[] {
    return this.#options.sql
      .exec(
        `SELECT key FROM tag t WHERE size = 0 AND written_ms < ? AND NOT EXISTS
           (SELECT 1 FROM manifest m WHERE m.content = t.content AND m.repository = t.repository)
         LIMIT ${MAX_PICKED}`,
        writtenBeforeMs,
      )
      .toArray()
      .map(({ key }) => String(key));
  }

  dropTags(names: readonly string[]): void {
    this.#evicting(() => dropTags(this.#options.sql, names));
  }

  compare(page: ListedPage): Comparison {
    const { sql, transaction } = this.#options;
    let found: Comparison = { unknown: [], upTo: null };
    transaction(() => {
      const { gone, ...comparison } = comparePage(sql, page);
      if (page.kind === "manifests") dropManifests(sql, gone.map(Number));
      else if (page.kind === "tags") dropTags(sql, gone);
      else dropBlobs(sql, gone as Digest[]);
      found = comparison;
    });
    return found;
  }

  foundBlob(digest: Digest, found: { readonly size: number; readonly storedMs: number }): void {
    this.#options.sql.exec(
      `INSERT INTO content (digest, size, stored_ms) VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE
       SET size = excluded.size, stored_ms = excluded.stored_ms WHERE stored_ms IS NULL`,
      digest,
      found.size,
      found.storedMs,
    );
  }

  hasManifests({ upstream, repository }: RepositoryKey): boolean {
    const rows = this.#options.sql.exec(
      `SELECT 1 FROM manifest WHERE repository =
         (SELECT id FROM repository WHERE upstream = ? AND name = ?) LIMIT 1`,
      upstream,
      repository,
    );
    return rows.toArray().length > 0;
  }

  read(name: string): string | null {
    const value = this.#options.sql
      .exec("SELECT value FROM meta WHERE name = ?", name)
      .toArray()[0]?.["value"];
    return typeof value === "string" || typeof value === "number" ? String(value) : null;
  }

  write(name: string, value: string | null): void {
    const { sql } = this.#options;
    if (value === null) sql.exec("DELETE FROM meta WHERE name = ?", name);
    else sql.exec("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value);
  }

  /** Adds what a transaction freed to the sum of what was evicted. */
  #evicting(work: () => void): void {
    const { sql, transaction } = this.#options;
    transaction(() => {
      const before = this.usedBytes();
      work();
      const freed = before - this.usedBytes();
      sql.exec("UPDATE meta SET value = value + ? WHERE name = 'evicted'", freed);
    });
  }
}

function dropBlobs(sql: Sql, digests: readonly Digest[]): void {
  const list = JSON.stringify(digests);
  sql.exec(
    `UPDATE content SET size = NULL, stored_ms = NULL WHERE digest IN (SELECT value FROM json_each(?))`,
    list,
  );
  const ids = sql
    .exec("SELECT id FROM content WHERE digest IN (SELECT value FROM json_each(?))", list)
    .toArray();
  dropUnused(sql, JSON.stringify(ids.map(({ id }) => id)));
}

function dropTags(sql: Sql, names: readonly string[]): void {
  sql.exec("DELETE FROM tag WHERE key IN (SELECT value FROM json_each(?))", JSON.stringify(names));
}
