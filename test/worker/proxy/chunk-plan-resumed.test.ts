import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ByteRange } from "../../../worker/oci/range.ts";
import { ChunkPlan } from "../../../worker/proxy/chunk-plan.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** From byte to byte, the last one included. */
function range(first: number, last: number): ByteRange {
  return { first, last };
}

function lengthOf(chunk: ByteRange | null): number {
  return chunk === null ? 0 : chunk.last - chunk.first + 1;
}

describe("what is stored", () => {
  const plan = new ChunkPlan(100, [range(60, 79), range(0, 9), range(10, 29)]);

  test("is kept from an earlier run, in order", () => {
    expect(plan.chunks).toEqual([range(0, 9), range(10, 29), range(60, 79)]);
    expect(plan.contiguous).toBe(30);
    expect(plan.complete).toBe(false);
  });

  test.each([
    [0, range(0, 9), 0],
    [9, range(0, 9), 0],
    [10, range(10, 29), 0],
    [29, range(10, 29), 0],
    [30, null, 30],
    [59, null, 1],
    [60, range(60, 79), 0],
    [79, range(60, 79), 0],
    [80, null, 20],
    [99, null, 1],
    [100, null, 0],
  ])("at byte %i is %j, with room for %i more", (offset, chunk, room) => {
    expect(plan.find(offset)).toEqual(chunk);
    expect(plan.room(offset)).toBe(room);
  });

  test("is all where nothing is missing, and nothing is fetched then", () => {
    const whole = new ChunkPlan(80, [range(0, 29), range(30, 79)]);
    expect([whole.complete, whole.contiguous, whole.next(null)]).toEqual([true, 80, null]);
    const empty = new ChunkPlan(0);
    expect([empty.complete, empty.contiguous, empty.next(null)]).toEqual([true, 0, null]);
  });

  test("is never fetched again, nor is what is under way, whatever a client waits for", () => {
    const byte = fc.nat({ max: 12 });
    fc.assert(
      fc.property(
        fc.uniqueArray(byte, { maxLength: 6 }),
        fc.array(fc.option(byte), { minLength: 1 }),
        (stored, wanted) => {
          const size = 13 * MIB;
          const parts = stored.map((n) => range(n * MIB, (n + 1) * MIB - 1));
          const resumed = new ChunkPlan(size, parts);
          const taken = [...parts];
          for (let turn = 0; ; turn += 1) {
            const want = wanted[turn % wanted.length] ?? null;
            const chunk = resumed.next(want === null ? null : want * MIB);
            if (chunk === null) break;
            expect(
              taken.filter((one) => one.first <= chunk.last && chunk.first <= one.last),
            ).toEqual([]);
            taken.push(chunk);
          }
          expect(taken.reduce((sum, chunk) => sum + lengthOf(chunk), 0)).toBe(size);
        },
      ),
    );
  });
});

describe("the size of the next chunk", () => {
  test("goes on from where an earlier run was", () => {
    const plan = new ChunkPlan(1000 * MIB, [range(0, MIB - 1), range(MIB, 3 * MIB - 1)]);
    expect(plan.next(null)).toEqual(range(3 * MIB, 7 * MIB - 1));
  });

  test("is what the last one's speed carries in four seconds, down to 64 KiB", () => {
    const plan = new ChunkPlan(1000 * MIB);
    const measure = (elapsedMs: number): number => {
      const chunk = plan.next(null);
      if (chunk === null) throw new Error("no chunk");
      plan.stored(chunk, elapsedMs);
      return lengthOf(chunk);
    };
    // 1 MiB in 8 s is half of it in 4 s; half of it in 0.5 s is 4 MiB in 4 s.
    expect([8_000, 500, 4_000_000, 0, 0].map(measure)).toEqual([
      MIB,
      MIB / 2,
      4 * MIB,
      64 * KIB,
      16 * MIB,
    ]);
  });

  test("is a third of what is missing towards the end, so that all connections have work, but 1 MiB", () => {
    const parts = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => range(n * 11 * MIB, (n + 1) * 11 * MIB - 1));
    const plan = new ChunkPlan(100 * MIB, parts);
    expect([1, 2, 3].map(() => lengthOf(plan.next(null)))).toEqual([
      4 * MIB,
      Math.ceil((8 * MIB) / 3),
      Math.ceil((8 * MIB - Math.ceil((8 * MIB) / 3)) / 3),
    ]);
    const small = new ChunkPlan(2 * MIB + 5, []);
    expect([1, 2, 3, 4].map(() => lengthOf(small.next(null)))).toEqual([MIB, MIB, 5, 0]);
  });

  test("is half of one that failed, and only of that one, and never grows beyond it again", () => {
    const plan = new ChunkPlan(1000 * MIB);
    const [first, second] = [plan.next(null), plan.next(null)];
    if (first === null || second === null) throw new Error("no chunk");
    plan.failed(second);
    plan.stored(first, 1);
    expect(plan.next(null)).toEqual(range(MIB, 2 * MIB - 1));
    plan.failed(range(5 * MIB, 37 * MIB - 1));
    expect(plan.next(null)).toEqual(range(2 * MIB, 3 * MIB - 1));
  });
});
