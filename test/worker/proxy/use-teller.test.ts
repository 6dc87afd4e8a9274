import { beforeEach, expect, test } from "vitest";
import type { Inventory, ManifestUse } from "../../../worker/inventory/inventory.ts";
import type { SqlInventory } from "../../../worker/inventory/sql.ts";
import { UseTeller } from "../../../worker/proxy/use-teller.ts";
import { createInventory, manifestOf, repositoryOf } from "../../helpers/inventory.ts";
import { NOON, batch, digestOf, pullOf } from "../../helpers/ledger-events.ts";

const HOUR = 3_600_000;
const { upstream, repository } = pullOf({});
const alpine = repositoryOf(repository, upstream);

let clock: { now: number };
let inventory: SqlInventory;
let told: (readonly ManifestUse[])[];
let forgotten: ManifestUse[];
let isAway: boolean;
let teller: UseTeller;

beforeEach(() => {
  clock = { now: NOON };
  inventory = createInventory(clock);
  told = [];
  forgotten = [];
  isAway = false;
  const counting: Pick<Inventory, "use"> = {
    async use(uses) {
      told.push(uses);
      if (isAway) throw new Error("away");
      return await inventory.use(uses);
    },
  };
  teller = new UseTeller({
    inventory: counting,
    forget: (gone) => forgotten.push(gone),
    warn: () => undefined,
  });
});

async function hit(...numbers: number[]): Promise<void> {
  const pulls = numbers.map((n) =>
    pullOf({ digest: digestOf(n), outcome: "hit", timeMs: clock.now }),
  );
  await teller.tell(batch({ pulls }));
}

test("a hit is told once an hour for each manifest, however often it is pulled", async () => {
  await inventory.addManifest(alpine, manifestOf(1));
  await inventory.addManifest(alpine, manifestOf(2));
  await hit(1, 1, 1);
  await hit(1);
  await hit(1, 2);
  expect(told.map((uses) => uses.map(({ digest }) => digest))).toEqual([
    [digestOf(1)],
    [digestOf(2)],
  ]);
  clock.now += HOUR;
  await hit(1);
  expect(told).toHaveLength(3);
  expect(told[2]).toEqual([{ key: alpine, digest: digestOf(1), timeMs: NOON + HOUR }]);
});

test("a manifest that is not stored any more is dropped from memory, and told of again", async () => {
  await hit(7);
  expect(forgotten.map(({ key, digest }) => ({ key, digest }))).toEqual([
    { key: alpine, digest: digestOf(7) },
  ]);
  await inventory.addManifest(alpine, manifestOf(7));
  await hit(7);
  expect(told).toHaveLength(2);
  expect(forgotten).toHaveLength(1);
});

test("what could not be told is told with the next pull, and fails nobody", async () => {
  await inventory.addManifest(alpine, manifestOf(1));
  isAway = true;
  await hit(1);
  isAway = false;
  await hit(1);
  expect(told).toHaveLength(2);
  await hit(1);
  expect(told).toHaveLength(2);
});
