import type { Sql } from "../ledger/sql-schema.ts";

/*
 * One object carries it. 100,000 repositories of 5 manifests with 12 names each are 6 M names at about 40 bytes with
 * their index (0.25 GB), 4 M digests at about 170 (0.7 GB), 0.5 M manifests at about 350 (0.2 GB) and as many tags at
 * about 250 (0.1 GB): 1.3 GB, where an object may hold 10. It is written on the cold path alone: a manifest of 12 names
 * writes about 60 rows, $0.06 for a thousand cold pulls, and one hit an hour for each manifest writes two.
 *
 * `key` is the object's key in R2 without its first part: lists from R2 come in its order, so that the sweep can compare
 * a page of them with the rows between its ends.
 */
const TABLES = [
  `CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS repository (
    id INTEGER PRIMARY KEY, upstream TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (upstream, name))`,
  // Everything that has a digest. `size` and `stored_ms` are those of a stored blob, NULL where there is none.
  `CREATE TABLE IF NOT EXISTS content (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, size INTEGER, stored_ms INTEGER,
    is_named INTEGER NOT NULL DEFAULT 0)`,
  `CREATE INDEX IF NOT EXISTS content_orphan ON content (stored_ms) WHERE is_named = 0 AND stored_ms IS NOT NULL`,
  // `is_child`: named by an index of the same repository, which keeps it.
  `CREATE TABLE IF NOT EXISTS manifest (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, repository INTEGER NOT NULL, content INTEGER NOT NULL,
    size INTEGER NOT NULL, subject INTEGER, is_child INTEGER NOT NULL DEFAULT 0,
    used_ms INTEGER NOT NULL, written_ms INTEGER NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS manifest_use ON manifest (used_ms) WHERE is_child = 0`,
  `CREATE INDEX IF NOT EXISTS manifest_content ON manifest (content, repository)`,
  `CREATE INDEX IF NOT EXISTS manifest_repository ON manifest (repository)`,
  `CREATE INDEX IF NOT EXISTS manifest_subject ON manifest (subject, repository) WHERE subject IS NOT NULL`,
  `CREATE TABLE IF NOT EXISTS names (
    content INTEGER NOT NULL, repository INTEGER NOT NULL, manifest INTEGER NOT NULL,
    PRIMARY KEY (content, repository, manifest)) WITHOUT ROWID`,
  `CREATE INDEX IF NOT EXISTS names_manifest ON names (manifest)`,
  `CREATE TABLE IF NOT EXISTS tag (
    key TEXT PRIMARY KEY, repository INTEGER NOT NULL, content INTEGER NOT NULL, size INTEGER NOT NULL,
    written_ms INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE INDEX IF NOT EXISTS tag_content ON tag (content, repository)`,
  `CREATE INDEX IF NOT EXISTS tag_repository ON tag (repository)`,
  `CREATE INDEX IF NOT EXISTS tag_empty ON tag (written_ms) WHERE size = 0`,
];

/** What is stored in each table, kept summed: adding 4 M rows up for every look would be slow. */
const SUMMED = [
  { table: "manifest", count: "manifests" },
  { table: "tag", count: "tags" },
  { table: "content", count: "blobs" },
];

/** Makes the tables that are not there yet. */
export function createTables(sql: Sql): void {
  for (const table of TABLES) sql.exec(table);
  addShown(sql);
  for (const name of ["bytes", "evicted", ...SUMMED.map(({ count }) => count)])
    sql.exec("INSERT OR IGNORE INTO meta VALUES (?, 0)", name);
  for (const { table, count } of SUMMED) {
    createTrigger(sql, { table, count, event: "INSERT", row: "NEW", sign: "+" });
    createTrigger(sql, { table, count, event: "UPDATE OF size", row: "OLD", sign: "-" });
    createTrigger(sql, { table, count, event: "UPDATE OF size", row: "NEW", sign: "+" });
    createTrigger(sql, { table, count, event: "DELETE", row: "OLD", sign: "-" });
  }
}

/** Whether content was ever shown to everybody: a column of its own, since inventories without it are in use. */
function addShown(sql: Sql): void {
  const columns = sql.exec("PRAGMA table_info('content')").toArray();
  if (!columns.some(({ name }) => name === "is_shown"))
    sql.exec("ALTER TABLE content ADD COLUMN is_shown INTEGER NOT NULL DEFAULT 0");
}

function createTrigger(
  sql: Sql,
  of: { table: string; count: string; event: string; row: string; sign: string },
): void {
  const { table, count, event, row, sign } = of;
  sql.exec(
    `CREATE TRIGGER IF NOT EXISTS ${table}_${event.slice(0, 6)}_${row} AFTER ${event} ON ${table}
     WHEN ${row}.size IS NOT NULL BEGIN
       UPDATE meta SET value = value ${sign} ${row}.size WHERE name = 'bytes';
       UPDATE meta SET value = value ${sign} 1 WHERE name = '${count}';
     END`,
  );
}
