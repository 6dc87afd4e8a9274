import { blobKey, objectKey } from "../store/keys.ts";
import type { Budget } from "./budget.ts";
import { ORPHAN_MS, SETTLE_MS, type UpkeepDeps } from "./deps.ts";

/*
 * Why no image is broken by it. Everything is chosen, deleted from the store and then forgotten, in this order, so that
 * the inventory knows of all that is stored at every moment, and an eviction that was interrupted anywhere is done again.
 *
 * - A manifest that comes while one is deleted: `addManifest` waits for the deletion under way, so what it names is
 *   either kept for it or was gone before it came; what is gone is filled again like any blob that was never pulled.
 * - A put that was told of before a deletion was chosen, and lands after it: nothing is taken until SETTLE_MS after it
 *   was told of. What lands even later is found by the sweep.
 * - A blob that is being filled while its manifest is evicted: it is named by nothing once it is stored, and goes
 *   SETTLE_MS later where the limit demands it, else after ORPHAN_MS. Its clients have the chunks until then.
 * - A blob that is being streamed: an open read goes on to its end; one that is opened too late finds nothing and is
 *   filled again, by the same request.
 * - An isolate that still has the manifest in memory serves it, and its blobs are filled again. It learns with its next
 *   word on what is in use, within the hour, that the manifest is gone, and pulls it again: then all is known as before.
 * - Without a full list of what is stored, nothing may be deleted: it might be named. The first sweep makes that list
 *   (`sweep.ts`), of a store that is older than the inventory too.
 */

/** What is left to do. `unsettled`: what there is to take is too young as yet. */
export type Evicted = "done" | "more" | "unsettled";

/**
 * Deletes what has not been used for as long as it is kept, and while the store is over its limit, what was used longest
 * ago. Blobs that nothing names go first.
 */
export async function evict(deps: UpkeepDeps, budget: Budget): Promise<Evicted> {
  for (;;) {
    if (!budget.take()) return "more";
    const isOver = excessOf(deps) > 0;
    if (await evictBlobs(deps, isOver ? SETTLE_MS : ORPHAN_MS)) continue;
    if (await evictManifests(deps)) continue;
    if (await evictTags(deps)) continue;
    return isOver ? "unsettled" : "done";
  }
}

function excessOf({ upkeep, limitBytes }: UpkeepDeps): number {
  return limitBytes === null ? 0 : Math.max(0, upkeep.usedBytes() - limitBytes);
}

/** @returns whether there were any */
async function evictBlobs(deps: UpkeepDeps, keepMs: number): Promise<boolean> {
  const { upkeep, store, now, exclusively } = deps;
  return await exclusively(async () => {
    const digests = upkeep.pickBlobs(now() - keepMs);
    if (digests.length === 0) return false;
    await store.deleteObjects(digests.map(blobKey));
    upkeep.dropBlobs(digests);
    return true;
  });
}

/** @returns whether there were any */
async function evictManifests(deps: UpkeepDeps): Promise<boolean> {
  const { upkeep, store, now, retentionMs, exclusively } = deps;
  return await exclusively(async () => {
    const excess = excessOf(deps);
    if (excess === 0 && retentionMs === null) return false;
    const batch = upkeep.pickManifests({
      writtenBeforeMs: now() - SETTLE_MS,
      usedBeforeMs: excess > 0 ? null : now() - (retentionMs ?? 0),
      bytes: excess > 0 ? excess : null,
    });
    if (batch.ids.length === 0) return false;
    await store.deleteObjects(batch.keys);
    upkeep.dropManifests(batch);
    return true;
  });
}

/** Tags that were only asked for by HEAD hold nothing; @returns whether there were any */
async function evictTags({ upkeep, store, now, exclusively }: UpkeepDeps): Promise<boolean> {
  return await exclusively(async () => {
    const names = upkeep.pickTags(now() - ORPHAN_MS);
    if (names.length === 0) return false;
    await store.deleteObjects(names.map((name) => objectKey("tags", name)));
    upkeep.dropTags(names);
    return true;
  });
}
