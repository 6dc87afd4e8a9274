import type { Inventory, ManifestUse } from "../inventory/inventory.ts";
import { lastPullMs } from "../ledger/batch.ts";
import type { LedgerBatch } from "../ledger/ledger.ts";
import { manifestName } from "../store/keys.ts";
import { ByteLru } from "./byte-lru.ts";

/** A use is told again after this long: what eviction knows of a manifest's use is as exact as that. */
const TELL_EVERY_MS = 3_600_000;
/** 4 MiB: about 15,000 manifests. One that falls out is told once more than it had to be. */
const TOLD_BYTES = 4 * 1024 * 1024;
const TOLD_ENTRY_BYTES = 128;

/** What {@link UseTeller} works with. */
export interface UseTellerOptions {
  readonly inventory: Pick<Inventory, "use">;
  /** Drops a manifest from the isolate's memory: it is in the store no more. */
  readonly forget: (gone: ManifestUse) => void;
  readonly warn: (message: string, error: unknown) => void;
}

/** Tells the inventory which manifests are in use, once an hour each, from the batches that the ledger gets. */
export class UseTeller {
  readonly #options: UseTellerOptions;
  /** When each was told, by its name. */
  readonly #told = new ByteLru<string, number>(TOLD_BYTES);

  constructor(options: UseTellerOptions) {
    this.#options = options;
  }

  /** Never rejects: what could not be told is told with its next use. */
  async tell(batch: Pick<LedgerBatch, "manifests" | "pulls" | "tags">): Promise<void> {
    const uses = new Map<string, ManifestUse>();
    // To the batch, which spans seconds, and not to the pull: that is exact enough for hours.
    const pulledMs = lastPullMs(batch);
    const pulled = batch.manifests.map((seen) => ({ ...seen, timeMs: pulledMs }));
    for (const { upstream, repository, digest, timeMs } of [...batch.tags, ...pulled]) {
      const key = { upstream, repository };
      const name = manifestName(key, digest);
      if (timeMs - (this.#told.get(name) ?? 0) < TELL_EVERY_MS) continue;
      uses.set(name, { key, digest, timeMs });
    }
    if (uses.size === 0) return;
    for (const [name, { timeMs }] of uses)
      this.#told.set(name, timeMs, TOLD_ENTRY_BYTES + name.length);
    try {
      for (const gone of await this.#options.inventory.use([...uses.values()])) {
        this.#options.forget(gone);
        this.#told.delete(manifestName(gone.key, gone.digest));
      }
    } catch (error) {
      for (const name of uses.keys()) this.#told.delete(name);
      this.#options.warn(`the use of ${uses.size} manifests could not be told`, error);
    }
  }
}
