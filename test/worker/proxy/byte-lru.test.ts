import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ByteLru } from "../../../worker/proxy/byte-lru.ts";

test("what was not used for longest is dropped first, and no more than has to be", () => {
  const lru = new ByteLru<string, number>(10);
  lru.set("a", 1, 4);
  lru.set("b", 2, 4);
  lru.set("c", 3, 2);
  expect(lru.get("a")).toBe(1);
  lru.set("d", 4, 4);
  expect(["a", "b", "c", "d"].map((key) => lru.get(key))).toEqual([1, undefined, 3, 4]);
});

test("a value as large as the whole is kept, and one larger takes away the old one alone", () => {
  const lru = new ByteLru<string, number>(10);
  lru.set("a", 1, 10);
  expect(lru.get("a")).toBe(1);
  lru.set("b", 2, 5);
  lru.set("c", 3, 5);
  lru.set("b", 4, 11);
  expect(["a", "b", "c"].map((key) => lru.get(key))).toEqual([undefined, undefined, 3]);
});

/** Says the same in the plainest way: an array, the most recently used last. */
class Plain {
  entries: { key: number; value: number; bytes: number }[] = [];
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: number): number | undefined {
    const found = this.entries.find((entry) => entry.key === key);
    if (found !== undefined)
      this.entries = [...this.entries.filter((entry) => entry !== found), found];
    return found?.value;
  }

  set(key: number, value: number, bytes: number): void {
    this.delete(key);
    if (bytes > this.#maxBytes) return;
    this.entries.push({ key, value, bytes });
    while (this.entries.reduce((sum, entry) => sum + entry.bytes, 0) > this.#maxBytes)
      this.entries.shift();
  }

  delete(key: number): void {
    this.entries = this.entries.filter((entry) => entry.key !== key);
  }
}

test("whatever is set, got and deleted, it holds what a plain list would", () => {
  const step = fc.record({
    does: fc.constantFrom("get", "set", "set", "delete"),
    key: fc.nat({ max: 6 }),
    bytes: fc.nat({ max: 12 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const lru = new ByteLru<number, number>(10);
      const plain = new Plain(10);
      for (const [n, { does, key, bytes }] of steps.entries()) {
        if (does === "get") expect(lru.get(key)).toBe(plain.get(key));
        else if (does === "delete") [lru, plain].forEach((cache) => cache.delete(key));
        else [lru, plain].forEach((cache) => cache.set(key, n, bytes));
      }
      for (let key = 0; key <= 6; key += 1) expect(lru.get(key)).toBe(plain.get(key));
    }),
  );
});
