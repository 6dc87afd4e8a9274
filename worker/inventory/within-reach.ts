import { StoreError } from "../store/errors.ts";
import { inTime } from "../store/in-time.ts";
import type { Inventory } from "./inventory.ts";

/** A cold pull waits this long for the inventory at most; then it is served, and not stored. */
const DEADLINE_MS = 3_000;

/**
 * Guards a pull against an inventory that is away or hangs: each call ends in time, or in a {@link StoreError}, since a
 * store that cannot be accounted for is one that cannot be used.
 */
export function withinReach(reach: () => Inventory): Inventory {
  const call = async <T>(
    operation: string,
    ask: (inventory: Inventory) => Promise<T>,
  ): Promise<T> => {
    try {
      return await inTime(DEADLINE_MS, ask(reach()));
    } catch (cause) {
      throw new StoreError("failed", { operation: `inventory: ${operation}`, cause });
    }
  };
  return {
    addManifest: (key, manifest) => call("add manifest", (to) => to.addManifest(key, manifest)),
    addTag: (key, tag) => call("add tag", (to) => to.addTag(key, tag)),
    addBlob: (digest, blob) => call("add blob", (to) => to.addBlob(digest, blob)),
    addShown: (digest) => call("add shown", (to) => to.addShown(digest)),
    find: (key, digest) => call("find", (to) => to.find(key, digest)),
    use: (uses) => call("use", (to) => to.use(uses)),
    usage: () => call("usage", (to) => to.usage()),
  };
}
