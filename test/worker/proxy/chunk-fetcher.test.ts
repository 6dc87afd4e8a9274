import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Digest } from "../../../worker/oci/digest.ts";
import type { ByteRange } from "../../../worker/oci/range.ts";
import { ChunkFetcher } from "../../../worker/proxy/chunk-fetcher.ts";
import { ChunkPlan } from "../../../worker/proxy/chunk-plan.ts";
import { StoreError } from "../../../worker/store/errors.ts";
import { UpstreamError } from "../../../worker/upstream/errors.ts";
import type { BlobBody, BlobRequest } from "../../../worker/upstream/upstream.ts";
import { repositoryOf } from "../../helpers/inventory.ts";
import { syntheticContent } from "../../helpers/images.ts";

const MIB = 1024 * 1024;
const SIZE = 6 * MIB + 5;
const content = syntheticContent(SIZE);
const WHOLE: ByteRange = { first: 0, last: SIZE - 1 };

/** What was put, in order. */
let puts: { chunk: ByteRange; bytes: Buffer }[];
/** What a fill that goes on after a restart would know of. */
let logged: ByteRange[];
let requests: BlobRequest[];
/** What the registry answers with. */
let answer: (request: BlobRequest) => Promise<BlobBody | null>;
let put: (chunk: ByteRange, bytes: Buffer) => Promise<void>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  puts = [];
  logged = [];
  requests = [];
  answer = async ({ range }) => bodyOf(range);
  put = async (chunk, bytes) => void puts.push({ chunk, bytes });
});
afterEach(() => vi.useRealTimers());

/** A stream of a range, in odd pieces; broken off after so many bytes. */
function streamOf({ first, last }: ByteRange, breaksAfter = Infinity): ReadableStream<Uint8Array> {
  let offset = first;
  return new ReadableStream({
    pull(controller) {
      if (offset - first >= breaksAfter) return controller.error(new Error("connection reset"));
      const length = Math.min(700_001, last + 1 - offset);
      if (length === 0) return controller.close();
      controller.enqueue(new Uint8Array(content.read(offset, length)));
      offset += length;
    },
  });
}

/** An answer with a range; with all of it for `null`. */
function bodyOf(range: ByteRange | null, part: Partial<BlobBody> = {}): BlobBody {
  return { body: streamOf(range ?? WHOLE), size: SIZE, range, location: "signed", ...part };
}

function fetcherOf(plan: ChunkPlan): ChunkFetcher {
  return new ChunkFetcher({
    digest: content.digest as Digest,
    key: repositoryOf("team/app"),
    plan,
    store: {
      async putChunk(_digest, chunk, body) {
        const bytes =
          body instanceof Uint8Array
            ? body
            : new Uint8Array(await new Response(body).arrayBuffer());
        await put(chunk, Buffer.from(bytes));
      },
      openChunk: () => expect.fail("nothing is read"),
      deleteChunks: () => expect.fail("nothing is deleted"),
      probe: async () => undefined,
    },
    upstream: {
      name: "docker.io",
      openBlob(request) {
        requests.push(request);
        return answer(request);
      },
      headManifest: () => expect.fail("no manifest is asked for"),
      getManifest: () => expect.fail("no manifest is asked for"),
      headBlob: () => expect.fail("the size is known"),
      list: () => expect.fail("no list is asked for"),
    },
    log: {
      read: () => null,
      begin: () => undefined,
      addChunk: (chunk) => void logged.push(chunk),
      clear: () => undefined,
    },
    changed: () => undefined,
  });
}

/** Lets all pauses pass. */
async function ended<T>(work: Promise<T>): Promise<T> {
  const state = { isOver: false };
  const over = (): void => void (state.isOver = true);
  work.then(over, over);
  while (!state.isOver) {
    await vi.advanceTimersByTimeAsync(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return await work;
}

async function run(stored: readonly ByteRange[] = [], first: BlobBody | null = null) {
  const plan = new ChunkPlan(SIZE, stored);
  await ended(fetcherOf(plan).run(first));
  return plan;
}

/** Every byte that was not stored before was put once, and is the right one. */
function expectWhole(stored: readonly ByteRange[] = []): void {
  let offset = 0;
  const all = [...stored.map((chunk) => ({ chunk, bytes: null })), ...puts];
  for (const { chunk, bytes } of all.toSorted((a, b) => a.chunk.first - b.chunk.first)) {
    expect(chunk.first).toBe(offset);
    offset = chunk.last + 1;
    if (bytes !== null)
      expect(bytes.equals(content.read(chunk.first, offset - chunk.first))).toBe(true);
  }
  expect(offset).toBe(SIZE);
  expect(new Set(logged)).toEqual(new Set(puts.map(({ chunk }) => chunk)));
}

/** What an earlier run has left: two holes, and the end is missing. */
const LEFT: readonly ByteRange[] = [
  { first: MIB, last: 2 * MIB - 1 },
  { first: 3 * MIB + 1, last: 5 * MIB },
];

describe("every byte is stored once, and right", () => {
  test.each([
    ["nothing", []],
    ["parts", LEFT],
  ])(
    "by ranges, each at the address that the last one gave, where %s was there",
    async (_, stored) => {
      await run(stored);
      expectWhole(stored);
      expect(requests.every(({ range }) => range !== null)).toBe(true);
      expect(requests[0]?.location).toBeNull();
      expect(requests.at(-1)?.location).toBe("signed");
    },
  );

  test.each([
    ["nothing", []],
    ["parts", LEFT],
  ])("from one whole body where ranges are ignored and %s was there", async (_, stored) => {
    answer = async () => bodyOf(null);
    await run(stored);
    expectWhole(stored);
  });

  test("from the answer that is open already, a range or all of it", async () => {
    const range = { first: 0, last: MIB - 1 };
    await run([], bodyOf(range));
    expectWhole();
    expect(requests.some((request) => request.range?.first === 0)).toBe(false);
    puts = [];
    logged = [];
    requests = [];
    await run([], bodyOf(null));
    expectWhole();
    expect(requests).toEqual([]);
  });

  test("whichever connections break, and wherever", async () => {
    const tries = fc.array(
      fc.record({ ignores: fc.boolean(), breaksAfter: fc.option(fc.nat({ max: 2 * MIB })) }),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(tries, fc.boolean(), async (left, isResumed) => {
        puts = [];
        logged = [];
        const rest = [...left];
        answer = async ({ range }) => {
          const { ignores, breaksAfter } = rest.shift() ?? { ignores: false, breaksAfter: null };
          const sent = ignores ? null : range;
          return bodyOf(sent, { body: streamOf(sent ?? WHOLE, breaksAfter ?? Infinity) });
        };
        const stored = isResumed ? LEFT : [];
        await run(stored);
        expectWhole(stored);
      }),
      { numRuns: 25 },
    );
  });

  test("in pieces of 4 MiB where the length is not known, which is told in the end", async () => {
    const plan = new ChunkPlan(Number.MAX_SAFE_INTEGER);
    expect(await ended(fetcherOf(plan).readAll(bodyOf(null, { size: null })))).toBe(SIZE);
    expectWhole();
    expect(plan.chunks).toEqual([
      { first: 0, last: 4 * MIB - 1 },
      { first: 4 * MIB, last: SIZE - 1 },
    ]);
  });
});

describe("nothing wrong is stored, and the fill ends, where the upstream", () => {
  const odd = { first: 1, last: MIB };
  /** How often it is asked until that is found to be so. */
  const TRIES = { "bad-response": 12, unauthorized: 2 };
  test.each<[string, keyof typeof TRIES, () => Promise<BlobBody | null>]>([
    ["sends another range", "bad-response", async () => bodyOf(odd)],
    ["sends a range too long", "bad-response", async () => bodyOf({ first: 0, last: MIB })],
    ["names another size", "bad-response", async () => bodyOf(null, { size: SIZE + 1 })],
    ["has it no more", "unauthorized", async () => null],
  ])("%s", async (_, kind, wrong) => {
    answer = wrong;
    const failure = { name: "UpstreamError", failure: { kind } };
    await expect(run()).rejects.toMatchObject(failure);
    expect(puts).toEqual([]);
    // Those that were under way when one was too many may have been asked for too.
    expect(requests.length).toBeGreaterThanOrEqual(TRIES[kind]);
    expect(requests.length).toBeLessThan(TRIES[kind] + 3);
  });

  test("sends a body that is too short, after all that it has", async () => {
    answer = async () => bodyOf(null, { body: streamOf({ first: 0, last: SIZE - 2 }) });
    await expect(run()).rejects.toMatchObject({ failure: { kind: "bad-response" } });
    for (const { chunk, bytes } of puts)
      expect(bytes.equals(content.read(chunk.first, chunk.last + 1 - chunk.first))).toBe(true);
  });

  test("is too slow a dozen times, and not before", async () => {
    let failures = 0;
    answer = async ({ range }) => {
      failures += 1;
      if (failures < 12)
        throw new UpstreamError({ kind: "timeout", upstream: "docker.io", message: "slow" });
      return bodyOf(range);
    };
    await run();
    expectWhole();
    failures = -Infinity;
    await expect(run()).rejects.toMatchObject({ failure: { kind: "timeout" } });
  });
});

test("a store that takes no more ends the fill at once", async () => {
  put = () => Promise.reject(new StoreError("failed", { operation: "put", cause: "full" }));
  await expect(run()).rejects.toMatchObject({ name: "StoreError" });
  expect(requests.length).toBeLessThanOrEqual(3);
});

test("what a client waits for goes first, and no more than three at once", async () => {
  const plan = new ChunkPlan(SIZE);
  const fetcher = fetcherOf(plan);
  let active = 0;
  let most = 0;
  put = async (chunk, bytes) => {
    most = Math.max(most, (active += 1));
    await new Promise((resolve) => setTimeout(resolve, 10));
    active -= 1;
    puts.push({ chunk, bytes });
  };
  fetcher.want(5 * MIB);
  await ended(fetcher.run(null));
  expect(requests[0]?.range?.first).toBe(5 * MIB);
  expect(most).toBe(3);
  expectWhole();
});
