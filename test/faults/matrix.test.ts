import { afterEach, expect, test } from "vitest";
import { play } from "./run.ts";
import { scenarioOf } from "./scenario.ts";
import { type World, startWorld } from "./world.ts";

/** `TIDEPOOL_FAULT_RUNS=20000` for more; `TIDEPOOL_FAULT_SEED=1234` for the one that failed, or several with commas. */
const RUNS = Number(process.env["TIDEPOOL_FAULT_RUNS"] ?? 2000);
const ONLY = process.env["TIDEPOOL_FAULT_SEED"];
const FIRST_SEED = Number(process.env["TIDEPOOL_FAULT_FIRST_SEED"] ?? 20261124000);
/** Most of a run is waiting. */
const AT_ONCE = 16;

let world: World | null = null;

afterEach(() => world?.stop());

/** Half of the seeds for each store: the odd ones have files. */
test.each([
  ["R2", "r2", 0],
  ["files", "files", 1],
] as const)(
  "no fault of upstream or %s makes an answer wrong, a cached image unavailable, or a mess that stays",
  async (_, blobs, odd) => {
    const all =
      ONLY?.split(",").map(Number) ??
      Array.from({ length: RUNS }, (_, index) => FIRST_SEED + index);
    const seeds = all.filter((seed) => seed % 2 === odd);
    const begun = await startWorld(blobs);
    world = begun;
    const failures: string[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (let seed = seeds[next]; seed !== undefined; seed = seeds[next]) {
        next += 1;
        const scenario = scenarioOf(seed);
        const problems = await play(begun, scenario, seed).catch((error: Error) => [
          String(error.stack),
        ]);
        for (const problem of problems)
          failures.push(`TIDEPOOL_FAULT_SEED=${seed}: ${problem}\n    ${JSON.stringify(scenario)}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    expect(failures.join("\n")).toBe("");
    expect(next).toBe(seeds.length);
  },
  3_600_000,
);
