import { SUM_NAMES } from "./sums.ts";

/** What is used of a SQLite: a Durable Object's `SqlStorage` fits as it is. */
export interface Sql {
  exec(
    query: string,
    ...bindings: (string | number | null)[]
  ): { toArray(): Record<string, unknown>[] };
}

/*
 * One object carries it. 10 M pulls a month are 4 a second on average, say 100 at the busiest, which come as one batch
 * per isolate and two seconds: a handful of statements each, whatever the batch's size. A record is numbers and a tag,
 * about 85 bytes with its two indexes: 0.9 GB for the 30 days that are kept by default, 2.6 GB for the 90 that may be,
 * where an object may hold 10 GB. A pull writes three rows, and its blobs update one of them: under 50 M rows a month,
 * which the paid plan includes.
 *
 * Manifests, what they name and tags go with the last pull that the log has of them. A name is about 180 bytes with its
 * index: 100,000 repositories of 30 names each are 3 M rows, 0.5 GB. A tag that moves brings an index, an image and a
 * dozen names, 3 kB: 10,000 of them a day are 0.9 GB within 30 days, 2.7 GB within 90, and no more after that. For ever
 * there are a repository's 150 bytes, 9,000 rows of hours a year, and as many for each registry.
 *
 * Every page is read from where it starts by an index, and nothing is counted by reading all of it. Old tags alone are looked for, by the hour and in steps.
 */
const SUM_COLUMNS = SUM_NAMES.map((name) => `${name} INTEGER NOT NULL`).join(", ");
const TABLES = [
  `CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS batch (serial INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)`,
  `CREATE TABLE IF NOT EXISTS repository (
    id INTEGER PRIMARY KEY, upstream TEXT NOT NULL, name TEXT NOT NULL, first_ms INTEGER, last_ms INTEGER,
    hits INTEGER NOT NULL DEFAULT 0, misses INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (upstream, name))`,
  `CREATE INDEX IF NOT EXISTS repository_use ON repository (hits + misses DESC, upstream, name)`,
  `CREATE TABLE IF NOT EXISTS manifest (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL, repository INTEGER NOT NULL, media_type TEXT NOT NULL,
    UNIQUE (digest, repository))`,
  `CREATE TABLE IF NOT EXISTS content (
    repository INTEGER NOT NULL, digest TEXT NOT NULL, manifest INTEGER NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (repository, digest, manifest)) WITHOUT ROWID`,
  `CREATE INDEX IF NOT EXISTS content_manifest ON content (manifest)`,
  `CREATE TABLE IF NOT EXISTS tag (
    repository INTEGER NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, stored_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL, last_ms INTEGER, PRIMARY KEY (repository, tag)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS client (
    id INTEGER PRIMARY KEY, address TEXT NOT NULL, user_agent TEXT NOT NULL, token TEXT NOT NULL,
    seen_ms INTEGER NOT NULL, UNIQUE (user_agent, address, token))`,
  `CREATE INDEX IF NOT EXISTS client_seen ON client (seen_ms)`,
  `CREATE TABLE IF NOT EXISTS pull (
    time_ms INTEGER NOT NULL, serial INTEGER NOT NULL, repository INTEGER NOT NULL, manifest INTEGER NOT NULL,
    client INTEGER NOT NULL, tag TEXT, outcome INTEGER NOT NULL, counted INTEGER NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0, misses INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (time_ms, serial)) WITHOUT ROWID`,
  `CREATE INDEX IF NOT EXISTS pull_repository ON pull (repository, time_ms, serial)`,
  `CREATE INDEX IF NOT EXISTS pull_manifest ON pull (manifest, time_ms, serial)`,
  `CREATE TABLE IF NOT EXISTS hour (start_ms INTEGER PRIMARY KEY, ${SUM_COLUMNS})`,
  `CREATE TABLE IF NOT EXISTS ever (id INTEGER PRIMARY KEY, ${SUM_COLUMNS})`,
  // Counted failures by their kind alone, once.
  `DROP TABLE IF EXISTS failure`,
  `CREATE TABLE IF NOT EXISTS upstream (
    name TEXT PRIMARY KEY, answered_ms INTEGER NOT NULL DEFAULT 0, allowed_ms INTEGER NOT NULL DEFAULT 0,
    pulls INTEGER NOT NULL DEFAULT 0, misses INTEGER NOT NULL DEFAULT 0, counted INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS upstream_hour (
    start_ms INTEGER NOT NULL, upstream TEXT NOT NULL, pulls INTEGER NOT NULL, misses INTEGER NOT NULL,
    counted INTEGER NOT NULL, PRIMARY KEY (start_ms, upstream)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS upstream_failure (
    upstream TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL, since_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL, PRIMARY KEY (upstream, kind)) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS quota (
    credential TEXT PRIMARY KEY, quota_limit INTEGER NOT NULL, remaining INTEGER NOT NULL,
    window_seconds INTEGER NOT NULL, seen_ms INTEGER NOT NULL) WITHOUT ROWID`,
];

/** Makes the tables that are not there yet. */
export function createTables(sql: Sql): void {
  for (const table of TABLES) sql.exec(table);
}
