import type { BlobSum } from "./ledger.ts";
import type { Sql } from "./sql-schema.ts";

/** A blob is looked for in the pulls of this long before it: a large image takes its time on a slow line. */
const JOIN_MS = 6 * 3_600_000;
/** So many of a repository's newest pulls are looked through for the client that asked for the blob. */
const RECENT_PULLS = 256;
/** Where that one is not among them: so many manifests that name the blob, newest first, */
const JOIN_MANIFESTS = 8;
/** and so many of each one's newest pulls. */
const JOIN_PULLS = 16;

interface Pull {
  readonly time_ms: number;
  readonly serial: number;
  readonly client: number;
  readonly manifest: number;
}

/** Adds blobs to the newest pull that names each, the same client's before another's: one row for all of a pull's. */
export function joinBlobs(sql: Sql, blobs: readonly BlobSum[]): void {
  const sums = new Map<number, { pull: Pull; hits: number; misses: number; bytes: number }>();
  const join = new BlobJoin(sql);
  for (const blob of blobs) {
    const pull = join.find(blob);
    if (pull === null) continue;
    const sum = sums.get(pull.serial) ?? { pull, hits: 0, misses: 0, bytes: 0 };
    sum.hits += blob.hits;
    sum.misses += blob.misses;
    sum.bytes += blob.bytes;
    sums.set(pull.serial, sum);
  }
  for (const { pull, hits, misses, bytes } of sums.values())
    sql.exec(
      `UPDATE pull SET hits = hits + ?, misses = misses + ?, bytes = bytes + ? WHERE time_ms = ? AND serial = ?`,
      hits,
      misses,
      bytes,
      pull.time_ms,
      pull.serial,
    );
}

/** Finds the pulls that the blobs of one batch belong to. What they have in common is read once. */
class BlobJoin {
  readonly #sql: Sql;
  /** By name; `null` for one that is not known. */
  readonly #repositories = new Map<string, { id: number; recent: readonly Pull[] } | null>();
  readonly #clients = new Map<string, number | null>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  find(blob: BlobSum): Pull | null {
    const repository = this.#repository(blob);
    if (repository === null) return null;
    const client = this.#client(blob.client);
    const { digest } = blob;
    const firstMs = blob.timeMs - JOIN_MS;
    const recent = repository.recent.filter(({ time_ms }) => time_ms > firstMs);
    const own = recent.filter((pull) => pull.client === client);
    const ownPull = this.#newestNaming(own, repository.id, digest);
    if (ownPull !== null) return ownPull;
    const others = this.#ofManifests(repository.id, digest, firstMs);
    const older = others.find((pull) => pull.client === client);
    return older ?? this.#newestNaming(recent, repository.id, digest) ?? others[0] ?? null;
  }

  /** @param pulls - newest first */
  #newestNaming(pulls: readonly Pull[], repository: number, digest: string): Pull | null {
    if (pulls.length === 0) return null;
    const naming = this.#sql
      .exec(
        `SELECT manifest FROM content WHERE repository = ? AND digest = ?
         AND manifest IN (SELECT value FROM json_each(?))`,
        repository,
        digest,
        JSON.stringify([...new Set(pulls.map(({ manifest }) => manifest))]),
      )
      .toArray();
    const manifests = new Set(naming.map(({ manifest }) => manifest));
    return pulls.find(({ manifest }) => manifests.has(manifest)) ?? null;
  }

  /** @returns newest first */
  #ofManifests(repository: number, digest: string, firstMs: number): Pull[] {
    const manifests = this.#sql
      .exec(
        `SELECT manifest FROM content WHERE repository = ? AND digest = ?
         ORDER BY manifest DESC LIMIT ${JOIN_MANIFESTS}`,
        repository,
        digest,
      )
      .toArray() as { manifest: number }[];
    return manifests
      .flatMap(
        ({ manifest }) =>
          this.#sql
            .exec(
              `SELECT time_ms, serial, client, manifest FROM pull WHERE manifest = ? AND time_ms > ?
               ORDER BY time_ms DESC, serial DESC LIMIT ${JOIN_PULLS}`,
              manifest,
              firstMs,
            )
            .toArray() as unknown as Pull[],
      )
      .toSorted((a, b) => b.time_ms - a.time_ms || b.serial - a.serial);
  }

  #repository(blob: BlobSum): { id: number; recent: readonly Pull[] } | null {
    const { upstream, repository } = blob;
    const name = `${upstream}/${repository}`;
    const known = this.#repositories.get(name);
    if (known !== undefined) return known;
    const [row] = this.#sql
      .exec("SELECT id FROM repository WHERE upstream = ? AND name = ?", upstream, repository)
      .toArray() as { id: number }[];
    const found = row === undefined ? null : { id: row.id, recent: this.#recent(row.id) };
    this.#repositories.set(name, found);
    return found;
  }

  /** @returns newest first */
  #recent(repository: number): readonly Pull[] {
    return this.#sql
      .exec(
        `SELECT time_ms, serial, client, manifest FROM pull WHERE repository = ?
         ORDER BY time_ms DESC, serial DESC LIMIT ${RECENT_PULLS}`,
        repository,
      )
      .toArray() as unknown as Pull[];
  }

  #client({ userAgent, address, token }: BlobSum["client"]): number | null {
    const name = `${address}\n${token}\n${userAgent}`;
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const [row] = this.#sql
      .exec(
        "SELECT id FROM client WHERE user_agent = ? AND address = ? AND token = ?",
        userAgent,
        address,
        token,
      )
      .toArray() as { id: number }[];
    const found = row?.id ?? null;
    this.#clients.set(name, found);
    return found;
  }
}
