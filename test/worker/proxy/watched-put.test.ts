import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { watchPut } from "../../../worker/proxy/watched-put.ts";
import { digestOf } from "../../helpers/ledger-events.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Counts the probes; each is answered as `answer` does. */
function storeThat(answer: () => Promise<void>) {
  const store = {
    probes: 0,
    probe: () => {
      store.probes += 1;
      return answer();
    },
  };
  return store;
}

const works = async (): Promise<void> => undefined;

test("a put that is quick is not looked after", async () => {
  const store = storeThat(works);
  expect(await watchPut(store, digestOf(1), Promise.resolve("stored"))).toBe("stored");
  expect(store.probes).toBe(0);
});

test("a slow body is waited for as long as the store works, and ever fewer questions are asked", async () => {
  const store = storeThat(works);
  const put = Promise.withResolvers<string>();
  const watched = watchPut(store, digestOf(1), put.promise);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(store.probes).toBe(5);
  put.resolve("stored");
  expect(await watched).toBe("stored");
});

test("a body's own error comes through as it was thrown", async () => {
  const put = Promise.withResolvers<string>();
  const watched = watchPut(storeThat(works), digestOf(1), put.promise);
  const expected = expect(watched).rejects.toThrow("the connection broke");
  await vi.advanceTimersByTimeAsync(2_000);
  put.reject(new Error("the connection broke"));
  await expected;
});

test.each([
  ["fails", () => Promise.reject(new Error("away"))],
  ["hangs", () => new Promise<void>(() => undefined)],
])(
  "a put that hangs on a store that %s is a store's error within seconds",
  async (_how, answer) => {
    const hanging = new Promise<never>(() => undefined);
    const watched = watchPut(storeThat(answer), digestOf(1), hanging);
    const expected = expect(watched).rejects.toMatchObject({ name: "StoreError", kind: "failed" });
    await vi.advanceTimersByTimeAsync(5_000);
    await expected;
  },
);
