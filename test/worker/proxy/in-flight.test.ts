import { expect, test } from "vitest";
import { InFlight } from "../../../worker/proxy/in-flight.ts";

test("who asks for the same while it is under way gets the same, and another thing is another run", async () => {
  const inFlight = new InFlight();
  const first = Promise.withResolvers<number>();
  const runs = [
    inFlight.run("a", () => first.promise),
    inFlight.run("a", () => expect.fail("it is under way")),
    inFlight.run("b", async () => 2),
  ];
  expect([inFlight.has("a"), inFlight.has("b"), inFlight.has("c")]).toEqual([true, true, false]);
  first.resolve(1);
  expect(await Promise.all(runs)).toEqual([1, 1, 2]);
  expect([inFlight.has("a"), inFlight.has("b")]).toEqual([false, false]);
});

test("what failed fails all who waited for it, and is run anew for the next", async () => {
  const inFlight = new InFlight();
  const first = Promise.withResolvers<number>();
  const runs = [1, 2].map(() => inFlight.run("a", () => first.promise));
  first.reject(new Error("away"));
  for (const run of runs) await expect(run).rejects.toThrow("away");
  expect(inFlight.has("a")).toBe(false);
  expect(await inFlight.run("a", async () => 3)).toBe(3);
});
