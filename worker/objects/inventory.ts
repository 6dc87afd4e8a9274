import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import type {
  Inventory,
  KnownManifest,
  KnownTag,
  ManifestUse,
  StoreUsage,
} from "../inventory/inventory.ts";
import { SqlInventory } from "../inventory/sql.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryKey } from "../store/store.ts";

/** The one object that knows the store; `sql-schema.ts` has the arithmetic why one is enough. */
export class InventoryObject extends DurableObject<Env> implements Inventory {
  readonly #inventory: SqlInventory;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#inventory = new SqlInventory({
      sql: ctx.storage.sql,
      transaction: (work) => ctx.storage.transactionSync(work),
      now: Date.now,
    });
  }

  addManifest(
    key: RepositoryKey,
    manifest: KnownManifest,
  ): Promise<{ readonly isNewRepository: boolean }> {
    return this.#inventory.addManifest(key, manifest);
  }

  addTag(key: RepositoryKey, tag: KnownTag): Promise<boolean> {
    return this.#inventory.addTag(key, tag);
  }

  addBlob(digest: Digest, size: number): Promise<void> {
    return this.#inventory.addBlob(digest, size);
  }

  names(key: RepositoryKey, digest: Digest): Promise<boolean> {
    return this.#inventory.names(key, digest);
  }

  use(uses: readonly ManifestUse[]): Promise<readonly ManifestUse[]> {
    return this.#inventory.use(uses);
  }

  usage(): Promise<StoreUsage> {
    return this.#inventory.usage();
  }
}
