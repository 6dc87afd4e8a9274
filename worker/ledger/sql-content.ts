import { sliceJson } from "./json-slices.ts";
import type { SeenManifest } from "./ledger.ts";
import type { Sql } from "./sql-schema.ts";

/**
 * Writes what a manifest names. Isolates tell it again and again; it is written when it is not known.
 *
 * @param ids - the manifest's row and its repository's
 */
export function recordNames(
  sql: Sql,
  seen: SeenManifest,
  ids: { readonly id: number; readonly repository: number } | undefined,
): void {
  const { digest, size, blobs } = seen;
  if (blobs === null || ids === undefined) return;
  const { id, repository } = ids;
  const told = sql
    .exec(
      "SELECT 1 FROM content WHERE repository = ? AND digest = ? AND manifest = ?",
      repository,
      digest,
      id,
    )
    .toArray();
  if (told.length > 0) return;
  const sizes = new Map(
    [...blobs.toReversed(), { digest, size }].map((it) => [it.digest, it.size]),
  );
  // What an earlier slice wrote is there already when the next one is summed.
  for (const { json } of sliceJson([...sizes])) {
    sql.exec(
      `UPDATE repository SET bytes = bytes + (
         SELECT coalesce(sum(value->>1), 0) FROM json_each(?) e
         WHERE NOT EXISTS (SELECT 1 FROM content c WHERE c.repository = ? AND c.digest = e.value->>0))
       WHERE id = ?`,
      json,
      repository,
      repository,
    );
    sql.exec(
      // Of one size for all manifests: what is summed here is taken off again when the last of them goes.
      `INSERT OR IGNORE INTO content (repository, digest, manifest, size)
       SELECT ?, value->>0, ?, coalesce(
         (SELECT size FROM content c WHERE c.repository = ? AND c.digest = value->>0 LIMIT 1), value->>1)
       FROM json_each(?)`,
      repository,
      id,
      repository,
      json,
    );
  }
}
