import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { CatalogPage, CatalogSnapshot } from "../../../worker/contract/catalog.ts";
import type { RepositoryName } from "../../../worker/oci/repository.ts";
import { wantSnapshot } from "../../../worker/upkeep/snapshot.ts";
import { batch, pullOf } from "../../helpers/ledger-events.ts";
import { StoreWorld, type TestBucket, startBucket } from "../../helpers/upkeep.ts";

const DAY = 24 * 3_600_000;

let started: TestBucket;
let world: StoreWorld;

beforeAll(async () => {
  started = await startBucket();
});
afterAll(() => started.stop());
beforeEach(() => {
  world = new StoreWorld(started.bucket);
});
afterEach(async () => {
  await started.bucket.delete(await world.keys());
});

async function pullFrom(repositories: number): Promise<void> {
  const pulls = Array.from({ length: repositories }, (_, n) =>
    pullOf({ repository: `team/app${String(n).padStart(4, "0")}` as RepositoryName }),
  );
  await world.ledger.record(batch({ pulls }));
}

async function readJson(key: string): Promise<unknown> {
  return await (await started.bucket.get(key))?.json();
}

function today(): string {
  return new Date(world.now()).toISOString().slice(0, 10);
}

test("the day's catalog is written in pages of the contract's schema, and says when it is whole", async () => {
  await pullFrom(450);
  await world.settle();
  const keys = await world.keys("snapshots/");
  expect(keys).toEqual([
    `snapshots/${today()}/000000.json`,
    `snapshots/${today()}/000001.json`,
    `snapshots/${today()}/000002.json`,
    `snapshots/${today()}/complete.json`,
  ]);
  const names: string[] = [];
  for (const key of keys.slice(0, 3)) {
    const page = CatalogPage.parse(await readJson(key));
    for (const { repository } of page.repositories) names.push(repository);
  }
  expect(names).toHaveLength(450);
  expect(new Set(names).size).toBe(450);
  const end = CatalogSnapshot.parse(await readJson(keys.at(-1)!));
  expect(end).toEqual({ takenAtMs: expect.any(Number) as number, pages: 3, repositories: 450 });
});

test("a day has one, and those of more than thirty days ago go", async () => {
  await pullFrom(1);
  await world.settle();
  const [first] = await world.keys("snapshots/");
  let writes = 0;
  world.onOperation = (operation, when) =>
    (writes += operation === "put" && when === "before" ? 1 : 0);
  await world.settle();
  expect(writes).toBe(0);
  for (let day = 0; day < 31; day += 1) {
    world.aheadMs += DAY;
    await world.settle();
  }
  const keys = await world.keys("snapshots/");
  expect(keys).not.toContain(first);
  expect(keys.filter((key) => key.endsWith("complete.json"))).toHaveLength(31);
});

test("one that was interrupted goes on, and is not called whole before it is", async () => {
  await pullFrom(450);
  let puts = 0;
  world.onOperation = (operation, when) => {
    if (operation !== "put" || when === "after") return;
    puts += 1;
    if (puts === 2) throw new Error("put: Internal error (10001)");
  };
  await world.step();
  expect(puts).toBe(0);
  wantSnapshot({ upkeep: world.upkeep, now: () => world.now() });
  await world.step();
  expect(await world.keys("snapshots/")).toEqual([`snapshots/${today()}/000000.json`]);
  await world.settle();
  expect(await world.keys("snapshots/")).toHaveLength(4);
  expect(puts).toBe(5);
  expect(world.warnings).toHaveLength(1);
});
