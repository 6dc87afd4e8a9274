import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import type {
  Inventory,
  KnownManifest,
  KnownTag,
  ManifestUse,
  Naming,
  StoreUsage,
} from "../inventory/inventory.ts";
import { SqlInventory } from "../inventory/sql.ts";
import { SqlUpkeep } from "../inventory/sql-upkeep.ts";
import type { Digest } from "../oci/digest.ts";
import { createParts } from "../parts.ts";
import type { RepositoryKey } from "../store/store.ts";
import { Deletions } from "../upkeep/deletions.ts";
import type { UpkeepDeps } from "../upkeep/deps.ts";
import { wantSnapshot } from "../upkeep/snapshot.ts";
import { takeStep } from "../upkeep/step.ts";
import { isComplete } from "../upkeep/sweep.ts";

/** A limit that was crossed and a store that is not known yet are dealt with after this long. */
const SOON_MS = 5_000;

/** The one object that knows the store, and keeps it in bounds; `sql-schema.ts` has the arithmetic why one is enough. */
export class InventoryObject extends DurableObject<Env> implements Inventory {
  readonly #inventory: SqlInventory;
  readonly #upkeep: SqlUpkeep;
  readonly #limitBytes: number | null;
  readonly #deletions = new Deletions();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    const transaction = (work: () => void): void => ctx.storage.transactionSync(work);
    this.#inventory = new SqlInventory({ sql, transaction, now: Date.now });
    this.#upkeep = new SqlUpkeep({ sql, transaction });
    this.#limitBytes = createParts(env).config.limitBytes;
    // A store that is older than the inventory, or has outlived it, is taken in before the cron trigger comes.
    if (!isComplete({ upkeep: this.#upkeep })) ctx.waitUntil(this.#actSoon());
  }

  async addManifest(
    key: RepositoryKey,
    manifest: KnownManifest,
  ): Promise<{ readonly isNewRepository: boolean }> {
    const added = await this.#deletions.between(() => this.#inventory.addManifest(key, manifest));
    await this.#watchLimit();
    return added;
  }

  async addTag(key: RepositoryKey, tag: KnownTag): Promise<boolean> {
    return await this.#deletions.between(() => this.#inventory.addTag(key, tag));
  }

  async addBlob(
    digest: Digest,
    blob: { readonly size: number; readonly isShown: boolean },
  ): Promise<void> {
    await this.#inventory.addBlob(digest, blob);
    await this.#watchLimit();
  }

  addShown(digest: Digest): Promise<void> {
    return this.#inventory.addShown(digest);
  }

  find(key: RepositoryKey, digest: Digest): Promise<Naming> {
    return this.#inventory.find(key, digest);
  }

  use(uses: readonly ManifestUse[]): Promise<readonly ManifestUse[]> {
    return this.#inventory.use(uses);
  }

  usage(): Promise<StoreUsage> {
    return this.#inventory.usage();
  }

  /** Begins what is due, called by the cron trigger. The work is done by alarms, step after step. */
  async wake(): Promise<void> {
    wantSnapshot({ upkeep: this.#upkeep, now: Date.now });
    await this.ctx.storage.setAlarm(Date.now());
  }

  override async alarm(): Promise<void> {
    const { store, ledger, config, warn } = createParts(this.env);
    const { limitBytes, retentionMs } = config;
    const deps: UpkeepDeps = {
      inventory: this.#inventory,
      upkeep: this.#upkeep,
      store,
      ledger,
      limitBytes,
      retentionMs,
      exclusively: (deletion) => this.#deletions.run(deletion),
      now: Date.now,
    };
    const delay = await takeStep(deps, warn);
    if (delay !== null) await this.ctx.storage.setAlarm(Date.now() + delay);
  }

  /** A store that grows over its limit does not wait for the cron trigger. */
  async #watchLimit(): Promise<void> {
    if (this.#limitBytes !== null && this.#upkeep.usedBytes() > this.#limitBytes)
      await this.#actSoon();
  }

  async #actSoon(): Promise<void> {
    const { storage } = this.ctx;
    if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + SOON_MS);
  }
}
