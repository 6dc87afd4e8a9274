import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { withinReach } from "../../../worker/inventory/within-reach.ts";
import { createInventory, manifestOf, repositoryOf } from "../../helpers/inventory.ts";
import { NOON, digestOf } from "../../helpers/ledger-events.ts";

const app = repositoryOf("team/app");

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("what is told and asked goes through", async () => {
  const inventory = createInventory({ now: NOON });
  const reached = withinReach(() => inventory);
  await reached.addManifest(app, manifestOf(1, [10]));
  expect((await reached.find(app, digestOf(10))).isNamed).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

test("an inventory that hangs costs three seconds and is a store's error", async () => {
  const hanging = { ...withinReach(() => createInventory({ now: NOON })) };
  hanging.addManifest = () => new Promise(() => undefined);
  const told = withinReach(() => hanging).addManifest(app, manifestOf(1));
  const expected = expect(told).rejects.toMatchObject({ name: "StoreError", kind: "failed" });
  await vi.advanceTimersByTimeAsync(3_000);
  await expected;
});

test("one that cannot be reached at all is a store's error too", async () => {
  const reached = withinReach(() => {
    throw new Error("no such object");
  });
  await expect(reached.usage()).rejects.toMatchObject({ name: "StoreError", kind: "failed" });
});
