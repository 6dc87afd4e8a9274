import { sliceJson } from "./json-slices.ts";
import type { BlobSum, SeenManifest } from "./ledger.ts";
import type { Sql } from "./sql-schema.ts";

/** A blob is looked for in the pulls of this long before it: a large image takes its time on a slow line. */
const JOIN_MS = 6 * 3_600_000;
/** So many of a manifest's newest pulls are looked through for the client that asked for the blob. */
const JOIN_PULLS = 16;
/** So many manifests of a repository that name the blob. */
const JOIN_MANIFESTS = 8;

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

/** The key of a pull's row. */
interface PullKey {
  readonly time_ms: number;
  readonly serial: number;
}

/** Adds blobs to the newest pull that names each, the same client's before another's: one row for all of a pull's. */
export function joinBlobs(sql: Sql, blobs: readonly BlobSum[]): void {
  const sums = new Map<number, PullKey & { hits: number; misses: number; bytes: number }>();
  for (const blob of blobs) {
    const pull = findPull(sql, blob);
    if (pull === null) continue;
    const sum = sums.get(pull.serial) ?? { ...pull, hits: 0, misses: 0, bytes: 0 };
    sum.hits += blob.hits;
    sum.misses += blob.misses;
    sum.bytes += blob.bytes;
    sums.set(pull.serial, sum);
  }
  for (const { time_ms, serial, hits, misses, bytes } of sums.values())
    sql.exec(
      `UPDATE pull SET hits = hits + ?, misses = misses + ?, bytes = bytes + ? WHERE time_ms = ? AND serial = ?`,
      hits,
      misses,
      bytes,
      time_ms,
      serial,
    );
}

function findPull(sql: Sql, blob: BlobSum): PullKey | null {
  const { upstream, repository, digest, client, timeMs } = blob;
  const manifests = sql
    .exec(
      `SELECT c.manifest FROM content c JOIN repository r ON r.id = c.repository
       WHERE r.upstream = ? AND r.name = ? AND c.digest = ? ORDER BY c.manifest DESC LIMIT ${JOIN_MANIFESTS}`,
      upstream,
      repository,
      digest,
    )
    .toArray() as { manifest: number }[];
  const [asked] = sql
    .exec(
      "SELECT id FROM client WHERE user_agent = ? AND address = ? AND token = ?",
      client.userAgent,
      client.address,
      client.token,
    )
    .toArray() as { id: number }[];
  type Candidate = PullKey & { client: number };
  const isSame = (pull: Candidate): boolean => pull.client === asked?.id;
  const [best] = manifests
    .flatMap(
      ({ manifest }) =>
        sql
          .exec(
            `SELECT time_ms, serial, client FROM pull WHERE manifest = ? AND time_ms > ?
             ORDER BY time_ms DESC, serial DESC LIMIT ${JOIN_PULLS}`,
            manifest,
            timeMs - JOIN_MS,
          )
          .toArray() as unknown as Candidate[],
    )
    .toSorted((a, b) => Number(isSame(b)) - Number(isSame(a)) || b.time_ms - a.time_ms);
  return best === undefined ? null : { time_ms: best.time_ms, serial: best.serial };
}
