import type { Inventory } from "../inventory/inventory.ts";
import type { InventoryUpkeep } from "../inventory/upkeep.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Store } from "../store/store.ts";

/** What eviction, the sweep and the snapshot work with. */
export interface UpkeepDeps {
  readonly inventory: Inventory;
  readonly upkeep: InventoryUpkeep;
  readonly store: Store;
  readonly ledger: () => Pick<Ledger, "listCatalog">;
  /** Bytes that the store may hold; `null` for any number. */
  readonly limitBytes: number | null;
  /** How long a manifest is kept after its last use; `null` for ever. */
  readonly retentionMs: number | null;
  /** Runs a deletion while nothing is noted in the inventory that was told from outside. */
  readonly exclusively: <T>(deletion: () => Promise<T>) => Promise<T>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A put that was told of may be under way for this long. Nothing younger is deleted or taken for gone. */
export const SETTLE_MS = 30_000;
const HOUR_MS = 3_600_000;
/** So long an object stays that nothing names: its manifest may come yet, or its fill may go on. */
export const ORPHAN_MS: number = 24 * HOUR_MS;
/** What is done once a day is due again after this long, so that a late run does not put it off for a day. */
export const DAILY_MS: number = 23 * HOUR_MS;
