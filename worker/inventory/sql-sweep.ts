import type { Sql } from "../ledger/sql-schema.ts";
import type { ListedObject } from "../store/store.ts";
import type { Comparison, ListedPage } from "./upkeep.ts";

/** Rows compared at once: where the store was emptied, a page of nothing stands against all of them. */
const MAX_ROWS = 5_000;

/*
 * What is known between two names, in their order, as `name`, `id` (what it is dropped by), when it was written, and
 * whether all that it needs is known: a tag's bytes are a manifest, which must be known with all that it names.
 */
const KNOWN = {
  manifests: `SELECT key AS name, id, written_ms, 1 AS whole FROM manifest WHERE key > ? AND key <= ?`,
  tags: `SELECT key AS name, key AS id, written_ms, size = 0 OR EXISTS (SELECT 1 FROM manifest m
      WHERE m.content = tag.content AND m.repository = tag.repository) AS whole
    FROM tag WHERE key > ? AND key <= ?`,
  blobs: `SELECT digest AS name, digest AS id, stored_ms AS written_ms, 1 AS whole
    FROM content WHERE digest > ? AND digest <= ? AND stored_ms IS NOT NULL`,
};

/** Stands after every name. */
const END = "\uffff";

/** Compares a page with what is known; `gone` are the ids of what the store has no more. */
export function comparePage(
  sql: Sql,
  page: ListedPage,
): Comparison & { readonly gone: readonly string[] } {
  const { kind, after, isLast, writtenBeforeMs } = page;
  // Rows of blobs go by the digest, `sha256:…` where the key has `sha256/…`: in the same order.
  const nameOf = (name: string): string => (kind === "blobs" ? name.replace("/", ":") : name);
  const listed = new Map(page.objects.map((object) => [nameOf(object.name), object]));
  const end = isLast ? END : nameOf(page.objects.at(-1)?.name ?? "");
  const rows = sql
    .exec(
      `${KNOWN[kind]} ORDER BY name LIMIT ${MAX_ROWS}`,
      after === null ? "" : nameOf(after),
      end,
    )
    .toArray() as { name: string; id: string | number; written_ms: number; whole: number }[];
  const upTo = rows.length === MAX_ROWS ? (rows.at(-1)?.name ?? null) : null;
  const known = new Set<string>();
  const gone: string[] = [];
  for (const { name, id, written_ms: writtenMs, whole } of rows) {
    if (whole === 1) known.add(name);
    if (!listed.has(name) && writtenMs < writtenBeforeMs) gone.push(String(id));
  }
  const unknown: ListedObject[] = [];
  for (const [name, object] of listed)
    if (!known.has(name) && (upTo === null || name <= upTo)) unknown.push(object);
  const compared = upTo === null || kind !== "blobs" ? upTo : upTo.replace(":", "/");
  return { gone, unknown, upTo: compared };
}
