import { beforeEach, expect, test } from "vitest";
import type { SqlInventory } from "../../../worker/inventory/sql.ts";
import { SqlUpkeep } from "../../../worker/inventory/sql-upkeep.ts";
import { createInventory, manifestOf, repositoryOf } from "../../helpers/inventory.ts";
import { NOON } from "../../helpers/ledger-events.ts";
import { openSqlite } from "../../helpers/sqlite.ts";

const app = repositoryOf("team/app");
const anything = { writtenBeforeMs: NOON + 1_000_000, usedBeforeMs: null, bytes: null };

let clock: { now: number };
let inventory: SqlInventory;
let upkeep: SqlUpkeep;

beforeEach(() => {
  const sqlite = openSqlite();
  clock = { now: NOON };
  inventory = createInventory(clock, sqlite);
  upkeep = new SqlUpkeep(sqlite);
});

/** Adds a manifest that was used after those before it. */
async function add(n: number, names: number, subject: number | null = null): Promise<void> {
  clock.now += 1;
  const named = Array.from({ length: names }, (_, at) => 100_000 * n + at);
  await inventory.addManifest(app, manifestOf(n, named, subject));
}

/** Evicts everything. @returns how many manifests went with each batch */
function evictAll(): number[] {
  const sizes: number[] = [];
  for (;;) {
    const batch = upkeep.pickManifests(anything);
    if (batch.ids.length === 0) return sizes;
    upkeep.dropManifests(batch);
    sizes.push(batch.ids.length);
  }
}

test("a batch of manifests names no more than fits, and a huge one goes alone", async () => {
  const counts = [10, 9_000, 9_000, 9_000, 40_000, 30_000, 10, 10];
  for (const [n, names] of counts.entries()) await add(n + 1, names);
  expect(evictAll()).toEqual([3, 1, 1, 1, 2]);
  expect(await inventory.usage()).toMatchObject({ manifests: 0, usedBytes: 0 });
});

test("many and large signatures go before what they sign, in batches that fit", async () => {
  await add(1, 10);
  for (let n = 2; n < 8; n += 1) await add(n, 9_000, 1);
  await add(8, 9_000, 2);
  const first = upkeep.pickManifests(anything);
  expect(first.ids).not.toContain(1);
  expect(evictAll()).toEqual([2, 2, 2, 2]);
  expect((await inventory.usage()).manifests).toBe(0);
});

test("thousands that the sweep finds gone are forgotten, whatever they name", async () => {
  for (let n = 1; n < 60; n += 1) await add(n, 1_000);
  const page = { after: null, objects: [], isLast: true, writtenBeforeMs: NOON + 1_000_000 };
  upkeep.compare({ ...page, kind: "manifests" });
  expect(await inventory.usage()).toMatchObject({ manifests: 0, usedBytes: 0 });
});
