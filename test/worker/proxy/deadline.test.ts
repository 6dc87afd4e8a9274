import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Deadline, transferMs } from "../../../worker/proxy/deadline.ts";

const MIB = 1024 * 1024;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("a range may take eight seconds and one more for each MiB", () => {
  expect(transferMs({ first: 0, last: 0 })).toBe(8_000);
  expect(transferMs({ first: 5 * MIB, last: 37 * MIB })).toBe(40_000);
  expect(transferMs({ first: 0, last: 1 })).toBe(8_001);
});

test("a deadline aborts when its time is over, and not before", () => {
  const deadline = new Deadline(1_000);
  vi.advanceTimersByTime(999);
  expect(deadline.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(deadline.signal.aborted).toBe(true);
});

test("a deadline that is put off counts from then on, and again each time", () => {
  const deadline = new Deadline(1_000);
  for (let n = 0; n < 3; n += 1) {
    vi.advanceTimersByTime(900);
    deadline.extend(1_000);
  }
  vi.advanceTimersByTime(999);
  expect(deadline.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(deadline.signal.aborted).toBe(true);
});
