/**
 * The store's upkeep: eviction, the daily sweep, the daily snapshot. Done in steps that are small enough for any plan,
 * each of which can be interrupted anywhere and done again.
 *
 * @module
 */
import { Budget } from "./budget.ts";
import { SETTLE_MS, type UpkeepDeps } from "./deps.ts";
import { type Evicted, evict } from "./evict.ts";
import { takeSnapshot } from "./snapshot.ts";
import { isComplete, sweep } from "./sweep.ts";

/** Operations of one step and part: all three stay under the 1,000 that an invocation may have. */
const OPERATIONS = 250;
/** What failed is tried again after this long: the store or the ledger is away. */
const RETRY_MS = 10 * 60_000;

/** Does a step of everything that is due. @returns milliseconds until the next one; `null` where nothing is left */
export async function takeStep(
  deps: UpkeepDeps,
  warn: (message: string, error: unknown) => void,
): Promise<number | null> {
  const parts: readonly (() => Promise<number | null>)[] = [
    async () => (isComplete(deps) ? DELAYS[await evict(deps, new Budget(OPERATIONS))] : null),
    async () => ((await sweep(deps, new Budget(OPERATIONS))) ? 0 : null),
    async () => ((await takeSnapshot(deps, new Budget(OPERATIONS))) ? 0 : null),
  ];
  const wasComplete = isComplete(deps);
  const delays: number[] = [];
  for (const part of parts) {
    try {
      const delay = await part();
      if (delay !== null) delays.push(delay);
    } catch (error) {
      // The parts do not depend on each other: a ledger that is away must not stop eviction.
      warn("a step of the store's upkeep failed", error);
      delays.push(RETRY_MS);
    }
  }
  // Eviction waited for the sweep.
  if (!wasComplete && isComplete(deps)) return 0;
  return delays.length === 0 ? null : Math.min(...delays);
}

const DELAYS: Readonly<Record<Evicted, number | null>> = {
  done: null,
  more: 0,
  unsettled: SETTLE_MS,
};
