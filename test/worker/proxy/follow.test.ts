import * as fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Digest } from "../../../worker/oci/digest.ts";
import type { ByteRange } from "../../../worker/oci/range.ts";
import type { BlobFill, FillFailure, Segment } from "../../../worker/proxy/blob-fill.ts";
import { type FollowOptions, followFill } from "../../../worker/proxy/follow.ts";
import { syntheticContent } from "../../helpers/images.ts";
import { FixedLengthStream } from "../../helpers/workerd-streams.ts";

const SIZE = 100_000;
/** So much of the end waits for the digest. */
const HELD_BACK = 16 * 1024;
const content = syntheticContent(SIZE);
const WHOLE: ByteRange = { first: 0, last: SIZE - 1 };
const FAILED: FillFailure = {
  kind: "failed",
  failure: { kind: "bad-response", upstream: "docker.io", message: "wrong" },
};

let segment: BlobFill["segment"];
let verified: BlobFill["verified"];
let hasChunks: boolean;
let hasBlob: boolean;

beforeAll(() => vi.stubGlobal("FixedLengthStream", FixedLengthStream));
afterAll(() => vi.unstubAllGlobals());
beforeEach(() => {
  segment = async () => ({ kind: "chunk", chunk: WHOLE });
  verified = async () => ({ kind: "verified" });
  hasChunks = true;
  hasBlob = false;
});

function streamOf({ first, last }: ByteRange): ReadableStream<Uint8Array> {
  return new Response(new Uint8Array(content.read(first, last + 1 - first))).body!;
}

const store: Pick<FollowOptions["store"], "openChunk" | "openBlob"> = {
  async openChunk(_digest, chunk, within) {
    if (within.first < chunk.first || within.last > chunk.last) throw new Error("not in the chunk");
    return hasChunks ? streamOf(within) : null;
  },
  async openBlob(_digest, spec) {
    if (!hasBlob || spec?.kind !== "from") return null;
    const range = { first: spec.first, last: spec.last ?? SIZE - 1 };
    return { body: streamOf(range), size: SIZE, range };
  },
};

function follow(range: ByteRange) {
  const fill: BlobFill = {
    open: () => expect.fail("it is open"),
    segment: (digest, offset) => segment(digest, offset),
    verified: (digest) => verified(digest),
  };
  const digest = content.digest as Digest;
  const stores = store as FollowOptions["store"];
  return followFill({ digest, fill, store: stores, upstreamName: "docker.io" }, range);
}

/** What comes, and whether it came to its end. */
async function received(range: ByteRange): Promise<{ bytes: Buffer; broken: boolean }> {
  const { body, over } = follow(range);
  const parts: Uint8Array[] = [];
  let broken = false;
  try {
    for await (const bytes of body) parts.push(bytes);
  } catch {
    broken = true;
  }
  await over;
  return { bytes: Buffer.concat(parts), broken };
}

async function expectAll(range: ByteRange): Promise<void> {
  const { bytes, broken } = await received(range);
  expect(broken).toBe(false);
  expect(bytes.equals(content.read(range.first, range.last + 1 - range.first))).toBe(true);
}

/** The start of the range at most, without what is held back. */
function expectBroken(
  { bytes, broken }: Awaited<ReturnType<typeof received>>,
  range = WHOLE,
): void {
  expect(broken).toBe(true);
  expect(bytes.byteLength).toBeLessThanOrEqual(
    Math.max(0, range.last + 1 - range.first - HELD_BACK),
  );
  expect(bytes.equals(content.read(range.first, bytes.byteLength))).toBe(true);
}

describe("a client that follows a fill gets", () => {
  test("the bytes of its range, whichever chunks they lie in", async () => {
    const byte = fc.nat({ max: SIZE - 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(byte, { maxLength: 8 }), byte, byte, async (cuts, one, other) => {
        const starts = [...new Set([0, ...cuts])].toSorted((a, b) => a - b);
        segment = async (_digest, offset): Promise<Segment> => {
          const index = starts.findLastIndex((start) => start <= offset);
          const last = (starts[index + 1] ?? SIZE) - 1;
          return { kind: "chunk", chunk: { first: starts[index] ?? 0, last } };
        };
        await expectAll({ first: Math.min(one, other), last: Math.max(one, other) });
      }),
    );
  });

  test("all but the last 16 KiB before the digest is known to be right, and then these", async () => {
    const verdict = Promise.withResolvers<{ kind: "verified" }>();
    verified = () => verdict.promise;
    const reader = follow(WHOLE).body.getReader();
    let length = 0;
    while (length < SIZE - HELD_BACK) length += (await reader.read()).value?.byteLength ?? 0;
    expect(length).toBe(SIZE - HELD_BACK);
    const last = reader.read();
    const first = await Promise.race([last, new Promise((resolve) => setImmediate(resolve))]);
    expect(first).toBeUndefined();
    verdict.resolve({ kind: "verified" });
    expect((await last).value?.byteLength).toBe(HELD_BACK);
    expect((await reader.read()).done).toBe(true);
  });

  test.each([
    ["a range that ends before the end", { first: 10, last: 50_000 }],
    ["a range that is no longer than that", { first: 10, last: HELD_BACK + 9 }],
    ["a byte", { first: 7, last: 7 }],
    ["all of it", WHOLE],
  ])("a broken connection and no end where the digest is wrong: %s", async (_, range) => {
    verified = async () => FAILED;
    expectBroken(await received(range), range);
  });
});

describe("a client that follows a fill is broken off", () => {
  test.each<FillFailure>([FAILED, { kind: "store-failed" }])("where it ends as %j", async (end) => {
    segment = async (_digest, offset) =>
      offset < 1000 ? { kind: "chunk", chunk: { first: 0, last: 999 } } : end;
    const { bytes, broken } = await received(WHOLE);
    expectBroken({ bytes, broken });
    expect(bytes.byteLength).toBeLessThanOrEqual(1000);
  });

  test("where a chunk is gone and there is no blob", async () => {
    hasChunks = false;
    expectBroken(await received(WHOLE));
  });

  test("where the fill cannot be asked six times in a row, and not before", async () => {
    let left = 5;
    const reset = async <T>(answer: T): Promise<T> => {
      if (left <= 0) return answer;
      left -= 1;
      throw new Error("the object was reset");
    };
    segment = () => reset<Segment>({ kind: "chunk", chunk: WHOLE });
    verified = async () => {
      const answer = await reset({ kind: "verified" } as const);
      left = 5;
      return answer;
    };
    await expectAll(WHOLE);
    left = 6;
    expectBroken(await received(WHOLE));
  });
});

describe("a client that follows a fill goes on from the blob", () => {
  test.each<[string, Segment]>([
    ["is all there", { kind: "stored" }],
    ["has lost its chunks", { kind: "chunk", chunk: WHOLE }],
  ])("where that %s", async (_, found) => {
    hasChunks = false;
    hasBlob = true;
    segment = async () => found;
    await expectAll(WHOLE);
    await expectAll({ first: 5, last: 70_000 });
  });
});
