import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ByteRange } from "../../../worker/oci/range.ts";
import { ChunkPlan } from "../../../worker/proxy/chunk-plan.ts";

const MIB = 1024 * 1024;

test("chunks begin small, for a quick first byte, and double", () => {
  const plan = new ChunkPlan(1000 * MIB);
  const sizes = Array.from({ length: 8 }, () => plan.next(null)).map((chunk) =>
    chunk === null ? 0 : (chunk.last - chunk.first + 1) / MIB,
  );
  expect(sizes).toEqual([1, 2, 4, 8, 16, 32, 32, 32]);
});

test("a byte that a client waits for goes first", () => {
  const plan = new ChunkPlan(100 * MIB);
  plan.next(null);
  expect(plan.next(70 * MIB)?.first).toBe(70 * MIB);
  expect(plan.next(null)?.first).toBe(MIB);
});

test("a line that breaks gets smaller and smaller chunks, down to 64 KiB", () => {
  const plan = new ChunkPlan(100 * MIB);
  let length = Infinity;
  for (let n = 0; n < 12; n += 1) {
    const chunk = plan.next(null);
    if (chunk === null) throw new Error("no chunk");
    length = chunk.last - chunk.first + 1;
    plan.failed(chunk);
  }
  expect(length).toBe(64 * 1024);
});

test("whatever fails and succeeds in whatever order, every byte is stored exactly once", () => {
  const step = fc.record({
    fails: fc.boolean(),
    oldest: fc.boolean(),
    wanted: fc.option(fc.nat()),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 * MIB }),
      fc.array(step, { minLength: 1, maxLength: 50 }),
      (size, steps) => {
        const plan = new ChunkPlan(size);
        const active: ByteRange[] = [];
        let failures = 0;
        for (let turn = 0; !plan.complete; turn += 1) {
          const { fails, oldest, wanted } = steps[turn % steps.length] ?? {
            fails: false,
            oldest: true,
            wanted: null,
          };
          const chunk =
            active.length < 3 ? plan.next(wanted === null ? null : wanted % size) : null;
          if (chunk !== null) {
            active.push(chunk);
            continue;
          }
          const done = oldest ? active.shift() : active.pop();
          if (done === undefined) throw new Error("neither complete nor anything to do");
          if (fails && (failures += 1) < 20) plan.failed(done);
          else plan.stored(done, 1);
        }
        let offset = 0;
        for (const { first, last } of plan.chunks) {
          expect(first).toBe(offset);
          offset = last + 1;
        }
        expect(offset).toBe(size);
        expect(plan.contiguous).toBe(size);
      },
    ),
    { numRuns: 50 },
  );
});
