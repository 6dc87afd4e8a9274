import type { Sql } from "../ledger/sql-schema.ts";
import type { Digest } from "../oci/digest.ts";
import { manifestName, tagName } from "../store/keys.ts";
import type { RepositoryKey } from "../store/store.ts";
import type {
  Inventory,
  KnownManifest,
  KnownTag,
  ManifestUse,
  Naming,
  StoreUsage,
} from "./inventory.ts";
import { createTables } from "./sql-schema.ts";

/** What {@link SqlInventory} works with. */
export interface SqlInventoryOptions {
  readonly sql: Sql;
  /** Runs work that is kept whole or not at all. */
  readonly transaction: (work: () => void) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Digests bound at once: a value may take 2 MB, and a manifest may name 40,000. */
const BATCH = 4_000;
/** A last use is written again only after this long. */
const USE_STEP_MS = 3_600_000;

/** Keeps the inventory in SQLite. */
export class SqlInventory implements Inventory {
  readonly #options: SqlInventoryOptions;

  constructor(options: SqlInventoryOptions) {
    this.#options = options;
    createTables(options.sql);
  }

  async addManifest(
    key: RepositoryKey,
    manifest: KnownManifest,
  ): Promise<{ readonly isNewRepository: boolean }> {
    let isNewRepository = false;
    this.#options.transaction(() => {
      const repository = this.#findRepository(key) ?? this.#addRepository(key);
      isNewRepository = !this.#has(
        "SELECT 1 FROM manifest WHERE repository = ? LIMIT 1",
        repository,
      );
      this.#putManifest(key, repository, manifest);
    });
    return { isNewRepository };
  }

  async addTag(key: RepositoryKey, { tag, digest, heldBytes }: KnownTag): Promise<boolean> {
    const { sql, now } = this.#options;
    let isKnown = false;
    this.#options.transaction(() => {
      const repository = this.#findRepository(key) ?? this.#addRepository(key);
      const content = this.#content(digest);
      sql.exec(
        `INSERT INTO tag VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
           content = excluded.content, size = excluded.size, written_ms = excluded.written_ms`,
        tagName(key, tag),
        repository,
        content,
        heldBytes,
        now(),
      );
      isKnown = this.#has(
        "SELECT 1 FROM manifest WHERE content = ? AND repository = ?",
        content,
        repository,
      );
    });
    return isKnown;
  }

  async addBlob(
    digest: Digest,
    { size, isShown }: { readonly size: number; readonly isShown: boolean },
  ): Promise<void> {
    this.#options.sql.exec(
      `INSERT INTO content (digest, size, stored_ms, is_shown) VALUES (?, ?, ?, ?)
       ON CONFLICT (digest) DO UPDATE SET size = excluded.size, stored_ms = excluded.stored_ms,
         is_shown = max(is_shown, excluded.is_shown)`,
      digest,
      size,
      this.#options.now(),
      isShown ? 1 : 0,
    );
  }

  async addShown(digest: Digest): Promise<void> {
    this.#options.sql.exec(
      "UPDATE content SET is_shown = 1 WHERE digest = ? AND is_shown = 0",
      digest,
    );
  }

  async find({ upstream, repository }: RepositoryKey, digest: Digest): Promise<Naming> {
    const [found] = this.#options.sql
      .exec(
        `SELECT is_shown, EXISTS (SELECT 1 FROM names WHERE content = content.id AND repository =
           (SELECT id FROM repository WHERE upstream = ? AND name = ?)) AS is_named
         FROM content WHERE digest = ?`,
        upstream,
        repository,
        digest,
      )
      .toArray();
    return { isNamed: found?.["is_named"] === 1, isShown: found?.["is_shown"] === 1 };
  }

  async use(uses: readonly ManifestUse[]): Promise<readonly ManifestUse[]> {
    const gone: ManifestUse[] = [];
    this.#options.transaction(() => {
      for (const use of uses) if (!this.#use(use)) gone.push(use);
    });
    return gone;
  }

  async usage(): Promise<StoreUsage> {
    const rows = this.#options.sql.exec("SELECT name, value FROM meta").toArray();
    const of = (name: string): number =>
      Number(rows.find((row) => row["name"] === name)?.["value"] ?? 0);
    return {
      usedBytes: of("bytes"),
      manifests: of("manifests"),
      blobs: of("blobs"),
      evictedBytes: of("evicted"),
    };
  }

  #putManifest(key: RepositoryKey, repository: number, manifest: KnownManifest): void {
    const { sql } = this.#options;
    const { digest, size, subject } = manifest;
    const now = this.#options.now();
    const name = manifestName(key, digest);
    sql.exec(
      "UPDATE manifest SET used_ms = max(used_ms, ?), written_ms = ? WHERE key = ?",
      now,
      now,
      name,
    );
    // What a digest names never changes.
    if (this.#has("SELECT 1 FROM manifest WHERE key = ?", name)) return;
    const content = this.#content(digest);
    sql.exec(
      `INSERT INTO manifest (key, repository, content, size, subject, is_child, used_ms, written_ms)
       VALUES (?, ?, ?, ?, ?, EXISTS (SELECT 1 FROM names WHERE content = ? AND repository = ?), ?, ?)`,
      name,
      repository,
      content,
      size,
      subject === null ? null : this.#content(subject),
      content,
      repository,
      now,
      now,
    );
    const id = this.#id("SELECT id FROM manifest WHERE key = ?", name) ?? 0;
    const names = [...new Set(manifest.names)];
    for (let start = 0; start < names.length; start += BATCH) {
      const batch = JSON.stringify(names.slice(start, start + BATCH));
      sql.exec(
        `INSERT INTO content (digest, is_named) SELECT value, 1 FROM json_each(?) WHERE true
         ON CONFLICT (digest) DO UPDATE SET is_named = 1 WHERE is_named = 0`,
        batch,
      );
      sql.exec(
        `INSERT INTO names SELECT c.id, ?, ? FROM json_each(?) e JOIN content c ON c.digest = e.value`,
        repository,
        id,
        batch,
      );
    }
    sql.exec(
      `UPDATE manifest SET is_child = 1 WHERE is_child = 0 AND repository = ?
       AND content IN (SELECT content FROM names WHERE manifest = ?)`,
      repository,
      id,
    );
  }

  /** @returns whether the manifest is known */
  #use({ key, digest, timeMs }: ManifestUse): boolean {
    const { sql, now } = this.#options;
    // An isolate's clock that runs ahead must not keep a manifest for ever.
    const usedMs = Math.min(timeMs, now());
    const name = manifestName(key, digest);
    const due = usedMs - USE_STEP_MS;
    sql.exec("UPDATE manifest SET used_ms = ? WHERE key = ? AND used_ms <= ?", usedMs, name, due);
    // Who asks for a signature is about to use what it signs.
    sql.exec(
      `UPDATE manifest SET used_ms = ? WHERE used_ms <= ? AND (content, repository) IN
         (SELECT subject, repository FROM manifest WHERE key = ? AND subject IS NOT NULL)`,
      usedMs,
      due,
      name,
    );
    return this.#has("SELECT 1 FROM manifest WHERE key = ?", name);
  }

  #findRepository({ upstream, repository }: RepositoryKey): number | null {
    return this.#id(
      "SELECT id FROM repository WHERE upstream = ? AND name = ?",
      upstream,
      repository,
    );
  }

  #addRepository(key: RepositoryKey): number {
    const { upstream, repository } = key;
    this.#options.sql.exec(
      "INSERT INTO repository (upstream, name) VALUES (?, ?)",
      upstream,
      repository,
    );
    return this.#findRepository(key) ?? 0;
  }

  #content(digest: Digest): number {
    this.#options.sql.exec("INSERT OR IGNORE INTO content (digest) VALUES (?)", digest);
    return this.#id("SELECT id FROM content WHERE digest = ?", digest) ?? 0;
  }

  #has(query: string, ...bindings: (string | number)[]): boolean {
    return this.#options.sql.exec(query, ...bindings).toArray().length > 0;
  }

  #id(query: string, ...bindings: (string | number)[]): number | null {
    const id = this.#options.sql.exec(query, ...bindings).toArray()[0]?.["id"];
    return typeof id === "number" ? id : null;
  }
}
