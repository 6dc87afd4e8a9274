import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Readers } from "../../../worker/proxy/readers.ts";

/** So far a fill may be ahead. */
const LEAD = 32 * 1024 * 1024;

let readers: Readers;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 2) });
  readers = new Readers();
});
afterEach(() => vi.useRealTimers());

/** How long it waits, in milliseconds, while `meanwhile` may happen each 10 ms. */
async function waits(work: Promise<void>, meanwhile: (ms: number) => void = () => {}) {
  let ended = false;
  void work.then(() => (ended = true));
  for (let ms = 0; ms <= 60_000; ms += 10) {
    meanwhile(ms);
    await vi.advanceTimersByTimeAsync(0);
    if (ended) return ms;
    await vi.advanceTimersByTimeAsync(10);
  }
  throw new Error("it waits for ever");
}

test("a fill waits a tenth of a second for a client that is more than 32 MiB behind, and no less", async () => {
  readers.seen(1000);
  expect(await waits(readers.letCatchUp(LEAD + 1000))).toBe(0);
  expect(await waits(readers.letCatchUp(LEAD + 1001))).toBe(100);
});

test("it is the fastest client that counts, and it ends the wait when it asks", async () => {
  readers.seen(1000);
  readers.seen(5);
  expect(await waits(readers.letCatchUp(LEAD + 1000))).toBe(0);
  const asks = (ms: number): void => {
    if (ms === 40) readers.seen(1001);
  };
  expect(await waits(readers.letCatchUp(LEAD + 1001), asks)).toBe(40);
});

test("nobody is waited for who has not asked for three seconds, or never did", async () => {
  expect(await waits(readers.letCatchUp(LEAD * 2))).toBe(0);
  readers.seen(0);
  vi.advanceTimersByTime(2_990);
  expect(await waits(readers.letCatchUp(LEAD * 2))).toBe(100);
  expect(await waits(readers.letCatchUp(LEAD * 2))).toBe(0);
});

test("an end waits until nobody has asked for a fifth of a second", async () => {
  expect(await waits(readers.letFinish())).toBe(200);
  const asks = (ms: number): void => {
    if (ms === 150 || ms === 340) readers.seen(ms);
  };
  expect(await waits(readers.letFinish(), asks)).toBe(540);
});

test("an end waits half a minute for who never stops asking", async () => {
  expect(await waits(readers.letFinish(), () => readers.seen(1))).toBe(30_000);
});
