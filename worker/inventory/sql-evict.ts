import type { Sql } from "../ledger/sql-schema.ts";
import { catalogKey } from "../store/keys.ts";
import type { RepositoryKey } from "../store/store.ts";
import type { ManifestBatch, Taking } from "./upkeep.ts";

/** So many manifests go together at most, */
const MAX_MANIFESTS = 100;
/** with so many names: a manifest may have 40,000, which then goes alone. */
const MAX_NAMES = 20_000;
/** Rows bound at once. */
const MAX_ROWS = 10_000;

type Candidate = { id: number; size: number; content: number; repository: number };

/** Neither the manifest `m` nor a tag of it was told of so lately that its put may still be under way. */
const SETTLED = `m.written_ms < ? AND NOT EXISTS
  (SELECT 1 FROM tag t WHERE t.content = m.content AND t.repository = m.repository AND t.written_ms >= ?)`;

/** @see InventoryUpkeep.pickManifests */
export function pickManifests(sql: Sql, taking: Taking): ManifestBatch {
  const { writtenBeforeMs, usedBeforeMs, bytes } = taking;
  const candidates = sql
    .exec(
      `SELECT id, size, content, repository FROM manifest m
       WHERE is_child = 0 AND used_ms < ? AND ${SETTLED} ORDER BY used_ms, id LIMIT ${MAX_MANIFESTS}`,
      usedBeforeMs ?? Number.MAX_SAFE_INTEGER,
      writtenBeforeMs,
      writtenBeforeMs,
    )
    .toArray() as Candidate[];
  const ids: number[] = [];
  let freed = 0;
  let named = 0;
  for (const candidate of candidates) {
    // What it frees at most: where that is not enough, the next one has to go in any case.
    if (bytes !== null && freed >= bytes) break;
    const most = mostFreed(sql, candidate);
    if (ids.length > 0 && named + most.names > MAX_NAMES) break;
    freed += candidate.size + most.bytes;
    named += most.names;
    ids.push(candidate.id);
    // What an index kept is next in line, before what was used later.
    if (bytes !== null && hasChildren(sql, candidate)) break;
  }
  if (ids.length === 0) return { ids, keys: [] };
  const all = withReferrers(sql, ids, writtenBeforeMs);
  return { ids: all, keys: listKeys(sql, all) };
}

/** Bytes of its tags and of all stored blobs that it names, whoever else names them. */
function mostFreed(
  sql: Sql,
  { id, content, repository }: Candidate,
): { readonly bytes: number; readonly names: number } {
  const [{ bytes, names }] = sql
    .exec(
      `SELECT count(*) AS names, coalesce(sum(c.size), 0) +
         (SELECT coalesce(sum(size), 0) FROM tag WHERE content = ? AND repository = ?) AS bytes
       FROM names n JOIN content c ON c.id = n.content WHERE n.manifest = ?`,
      content,
      repository,
      id,
    )
    .toArray() as [{ bytes: number; names: number }];
  return { bytes, names };
}

function hasChildren(sql: Sql, { id, repository }: Candidate): boolean {
  const rows = sql.exec(
    `SELECT 1 FROM names n JOIN manifest m ON m.content = n.content AND m.repository = ?
     WHERE n.manifest = ? LIMIT 1`,
    repository,
    id,
  );
  return rows.toArray().length > 0;
}

/**
 * A signature is of no use without what it signs, nor is a signature's signature. Where they are too many, they go first
 * and what they sign with a later batch: they are found by it.
 */
function withReferrers(sql: Sql, ids: readonly number[], writtenBeforeMs: number): number[] {
  const all = sql
    .exec(
      `WITH RECURSIVE gone (id, content, repository, depth) AS (
         SELECT id, content, repository, 0 FROM manifest WHERE id IN (SELECT value FROM json_each(?))
         UNION
         SELECT m.id, m.content, m.repository, g.depth + 1 FROM gone g
           JOIN manifest m ON m.subject = g.content AND m.repository = g.repository
           WHERE m.is_child = 0 AND ${SETTLED})
       SELECT id FROM gone GROUP BY id ORDER BY max(depth) DESC, id`,
      JSON.stringify(ids),
      writtenBeforeMs,
      writtenBeforeMs,
    )
    .toArray();
  return (
    groupByNames(
      sql,
      all.map(({ id }) => Number(id)),
    )[0] ?? []
  );
}

/** Parts a list of manifests into such as have no more names together than go at once, in their order. */
function groupByNames(sql: Sql, ids: readonly number[]): number[][] {
  const counted = sql
    .exec(
      `SELECT value AS id, (SELECT count(*) FROM names WHERE manifest = value) AS names
       FROM json_each(?) ORDER BY key`,
      JSON.stringify(ids),
    )
    .toArray() as { id: number; names: number }[];
  const groups: number[][] = [];
  let named = 0;
  for (const { id, names } of counted) {
    // Those without a name cost something too.
    named += names + 1;
    const group = groups.at(-1);
    if (group !== undefined && named <= MAX_NAMES) group.push(id);
    else {
      groups.push([id]);
      named = names + 1;
    }
  }
  return groups;
}

function listKeys(sql: Sql, ids: readonly number[]): string[] {
  const list = JSON.stringify(ids);
  return sql
    .exec(
      `SELECT 'manifests/' || key AS key FROM manifest WHERE id IN (SELECT value FROM json_each(?))
       UNION ALL
       SELECT 'tags/' || t.key FROM manifest m
         JOIN tag t ON t.content = m.content AND t.repository = m.repository
         WHERE m.id IN (SELECT value FROM json_each(?))`,
      list,
      list,
    )
    .toArray()
    .map(({ key }) => String(key))
    .concat(listEmptied(sql, list).map(catalogKey));
}

/** The repositories whose last manifests these are. */
function listEmptied(sql: Sql, list: string): RepositoryKey[] {
  return sql
    .exec(
      `SELECT r.upstream, r.name AS repository FROM repository r
       WHERE r.id IN (SELECT repository FROM manifest WHERE id IN (SELECT value FROM json_each(?)))
       AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository = r.id
         AND m.id NOT IN (SELECT value FROM json_each(?)))`,
      list,
      list,
    )
    .toArray() as unknown as RepositoryKey[];
}

/** Forgets manifests and their tags; to be run in a transaction. */
export function dropManifests(sql: Sql, ids: readonly number[]): void {
  // What a group names is held in memory; the sweep may find thousands gone.
  for (const group of groupByNames(sql, ids)) dropGroup(sql, group);
}

function dropGroup(sql: Sql, ids: readonly number[]): void {
  const list = JSON.stringify(ids);
  const inList = "IN (SELECT value FROM json_each(?))";
  type Pair = { content: number; repository: number };
  const own = sql
    .exec(`SELECT content, repository, subject FROM manifest WHERE id ${inList}`, list)
    .toArray() as (Pair & { subject: number | null })[];
  const named = sql
    .exec(`SELECT DISTINCT content, repository FROM names WHERE manifest ${inList}`, list)
    .toArray() as Pair[];
  sql.exec(
    `DELETE FROM tag WHERE (content, repository) IN
       (SELECT content, repository FROM manifest WHERE id ${inList})`,
    list,
  );
  sql.exec(`DELETE FROM names WHERE manifest ${inList}`, list);
  sql.exec(`DELETE FROM manifest WHERE id ${inList}`, list);
  const subjects = own.flatMap(({ subject, repository }) =>
    subject === null ? [] : [{ content: subject, repository }],
  );
  const touched = [...own, ...named, ...subjects].map(({ content, repository }) => [
    content,
    repository,
  ]);
  for (let start = 0; start < touched.length; start += MAX_ROWS)
    release(sql, JSON.stringify(touched.slice(start, start + MAX_ROWS)));
  sql.exec(
    `DELETE FROM repository WHERE id ${inList}
     AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository = repository.id)
     AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository = repository.id)`,
    JSON.stringify([...new Set(own.map(({ repository }) => repository))]),
  );
}

/** Notes of digests and repositories, as pairs, what is named no more. */
function release(sql: Sql, pairs: string): void {
  sql.exec(
    `UPDATE content SET is_named = 0 WHERE is_named = 1 AND id IN (SELECT value->>0 FROM json_each(?))
     AND NOT EXISTS (SELECT 1 FROM names n WHERE n.content = content.id)`,
    pairs,
  );
  sql.exec(
    `UPDATE manifest SET is_child = 0 WHERE is_child = 1
     AND (content, repository) IN (SELECT value->>0, value->>1 FROM json_each(?))
     AND NOT EXISTS (SELECT 1 FROM names n
       WHERE n.content = manifest.content AND n.repository = manifest.repository)`,
    pairs,
  );
  dropUnused(sql, JSON.stringify((JSON.parse(pairs) as [number, number][]).map(([id]) => id)));
}

/** Forgets the digests, of a list of ids as JSON, that nothing is known of any more. */
export function dropUnused(sql: Sql, ids: string): void {
  sql.exec(
    `DELETE FROM content WHERE id IN (SELECT value FROM json_each(?)) AND is_named = 0 AND size IS NULL
     AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.content = content.id)
     AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.subject = content.id)
     AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.content = content.id)`,
    ids,
  );
}
