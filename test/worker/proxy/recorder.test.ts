import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Ledger, LedgerBatch } from "../../../worker/ledger/ledger.ts";
import { MemoryLedger } from "../../../worker/ledger/memory.ts";
import { Recorder } from "../../../worker/proxy/recorder.ts";
import { NOON, digestOf, everything, pullOf } from "../../helpers/ledger-events.ts";

/** Longer than a record may wait for company. */
const FLUSH_MS = 3_000;
const KEEP_MS = 24 * 3_600_000;
/** So many records may wait for the ledger. */
const MAX_HELD = 10_000;

let ledger: MemoryLedger;
/** What the way to the ledger does with a batch; the default hands it on. */
let carry: (batch: LedgerBatch, arrive: () => Promise<void>) => Promise<void>;
let recorder: Recorder;
let work: Promise<unknown>[];

beforeEach(() => {
  vi.useFakeTimers({ now: NOON });
  ledger = new MemoryLedger({ keepMs: KEEP_MS, now: Date.now });
  carry = (_batch, arrive) => arrive();
  recorder = new Recorder({ warn: () => undefined, now: Date.now });
  work = [];
});
afterEach(() => {
  vi.useRealTimers();
});

const link: Pick<Ledger, "record"> = {
  record: (batch) => carry(batch, () => ledger.record(batch)),
};
const flushing = {
  ledger: () => link,
  waitUntil(promise: Promise<unknown>) {
    work.push(promise);
  },
};

function pull(repository = "library/alpine", body: object = {}): void {
  const event = pullOf({ timeMs: Date.now() });
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  recorder.pull({ ...event, repository: repository as typeof event.repository }, bytes, flushing);
}

async function pass(ms = FLUSH_MS): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

async function logged(): Promise<number> {
  return (await ledger.listPulls({ ...everything, limit: 100_000 })).pulls.length;
}

async function lost(): Promise<number> {
  return (await ledger.sum({ sinceMs: 0, untilMs: 0 })).lost;
}

const away = (): Promise<void> => Promise.reject(new Error("the object was reset"));

describe("the recorder", () => {
  test("tells a pull within the time it states, and many in one batch", async () => {
    const sizes: number[] = [];
    carry = (batch, arrive) => {
      sizes.push(batch.manifests.length);
      return arrive();
    };
    pull();
    pull();
    expect(await logged()).toBe(0);
    await pass();
    expect(await logged()).toBe(2);
    expect(sizes).toEqual([1]);
  });

  test("tells again what did not arrive, once, in whichever order", async () => {
    carry = away;
    pull("team/a");
    await pass();
    pull("team/b");
    await pass();
    expect(await logged()).toBe(0);
    carry = (_batch, arrive) => arrive();
    pull("team/c");
    await pass();
    const { pulls } = await ledger.listPulls(everything);
    expect(pulls.map(({ repository }) => repository)).toEqual(["team/a", "team/b", "team/c"]);
    expect(await lost()).toBe(0);
  });

  test("leaves one record of a batch that arrived though the answer did not", async () => {
    carry = async (_batch, arrive) => {
      await arrive();
      await away();
    };
    pull();
    await pass();
    carry = (_batch, arrive) => arrive();
    pull();
    await pass();
    expect(await logged()).toBe(2);
    expect(await lost()).toBe(0);
  });

  test("is not held up by a batch that the ledger never takes, and counts it once it is given up", async () => {
    carry = (batch, arrive) =>
      batch.manifests.some(({ repository }) => repository === "team/bad") ? away() : arrive();
    pull("team/bad");
    await pass();
    for (let n = 0; n < 120; n += 1) {
      pull("team/good");
      await pass();
    }
    expect(await logged()).toBe(120);
    expect(await lost()).toBe(1);
  });

  test("holds so much while the ledger is away, counts the rest, and says so once it is back", async () => {
    carry = away;
    for (let n = 0; n < MAX_HELD + 500; n += 1) pull();
    await pass();
    carry = (_batch, arrive) => arrive();
    // Finds no room, but the way free.
    pull();
    await pass();
    pull();
    await pass();
    expect(await lost()).toBe(501);
    expect(await logged()).toBe(MAX_HELD + 1);
    expect((await ledger.listPulls(everything)).completeSinceMs).toBeGreaterThan(NOON);
  });

  test("holds counts without records in few batches through a long outage, and loses none", async () => {
    carry = away;
    for (let n = 0; n < 3_000; n += 1) {
      recorder.failure({ upstream: "docker.io", kind: "timeout" }, flushing);
      if (n % 100 === 0) pull();
      await pass();
    }
    const ids = new Set<string>();
    const most = 20;
    carry = (batch, arrive) => {
      ids.add(batch.id);
      return arrive();
    };
    recorder.failure({ upstream: "docker.io", kind: "timeout" }, flushing);
    await pass();
    expect(ids.size).toBeLessThanOrEqual(most + 1);
    const { upstreams } = await ledger.sum({ sinceMs: 0, untilMs: 0 });
    expect(upstreams[0]?.failures).toMatchObject([{ kind: "timeout", count: 3_001 }]);
    expect((await logged()) + (await lost())).toBe(30);
  });

  test("tells again by the next day what a manifest names, which the ledger may have forgotten", async () => {
    const told: boolean[] = [];
    carry = (batch, arrive) => {
      for (const { blobs } of batch.manifests) told.push(blobs !== null);
      return arrive();
    };
    for (const hours of [0, 1, 10, 1, 1]) {
      await pass(hours * 3_600_000);
      pull();
      await pass();
    }
    expect(told).toEqual([true, false, false, true, false]);
  });

  test("tells of many large manifests in batches that a call can carry, each of them in the end", async () => {
    const layers = Array.from({ length: 30_000 }, (_, n) => ({ digest: digestOf(n), size: 1 }));
    const told = new Map<string, number>();
    const sizes: number[] = [];
    carry = (batch, arrive) => {
      const named = batch.manifests.map(({ repository, blobs }) => {
        if (blobs !== null) told.set(repository, blobs.length);
        return blobs?.length ?? 0;
      });
      sizes.push(named.reduce((sum, count) => sum + count, 0));
      return arrive();
    };
    const names = Array.from({ length: 8 }, (_, n) => `team/${n}`);
    for (let times = 0; times < 4; times += 1) {
      for (const name of names) pull(name, { layers });
      await pass();
    }
    expect(sizes).toEqual([60_000, 60_000, 60_000, 60_000]);
    expect([...told]).toEqual(names.map((name) => [name, 30_000]));
    expect(await logged()).toBe(32);
  });

  test("does not wait for a call that died with its request", async () => {
    carry = () => new Promise(() => undefined);
    pull();
    await pass();
    carry = (_batch, arrive) => arrive();
    pull();
    await pass();
    expect(await logged()).toBe(0);
    await pass(15_000);
    pull();
    await pass();
    expect(await logged()).toBe(3);
  });
});
