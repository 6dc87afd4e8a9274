import { expect, test } from "vitest";
import { Deletions } from "../../../worker/upkeep/deletions.ts";

test("what waits for a deletion comes after it and before the next one", async () => {
  const deletions = new Deletions();
  const order: string[] = [];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const add = (name: string) => deletions.between(() => order.push(name));
  const evicting = (async () => {
    for (const [n, gate] of gates.entries())
      await deletions.run(async () => {
        order.push(`delete ${n}`);
        await gate.promise;
        order.push(`deleted ${n}`);
      });
  })();
  const adding = [add("first"), add("second")];
  gates[0].resolve();
  await Promise.all(adding);
  expect(order).toEqual(["delete 0", "deleted 0", "first", "second"]);
  gates[1].resolve();
  await evicting;
  expect(order.slice(4)).toEqual(["delete 1", "deleted 1"]);
});

test("a deletion that fails lets those go on who waited for it", async () => {
  const deletions = new Deletions();
  const gate = Promise.withResolvers<void>();
  const failing = deletions.run(() => gate.promise);
  const waiting = deletions.between(() => "told");
  gate.reject(new Error("away"));
  await expect(failing).rejects.toThrow("away");
  expect(await waiting).toBe("told");
  expect(await deletions.run(async () => "next")).toBe("next");
});

test("deletions come one at a time, and what is told never in the middle of one", async () => {
  const deletions = new Deletions();
  let isDeleting = false;
  const seen: boolean[] = [];
  const work: Promise<unknown>[] = [];
  for (let n = 0; n < 20; n += 1) {
    work.push(
      deletions.run(async () => {
        seen.push(isDeleting);
        isDeleting = true;
        for (let turns = 0; turns < n; turns += 1) await Promise.resolve();
        isDeleting = false;
      }),
      deletions.between(() => seen.push(isDeleting)),
    );
    for (let turns = 0; turns < n % 4; turns += 1) await Promise.resolve();
  }
  await Promise.all(work);
  expect(seen).toEqual(Array.from({ length: 40 }, () => false));
});
