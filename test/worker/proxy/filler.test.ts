import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Digest } from "../../../worker/oci/digest.ts";
import type { ByteRange } from "../../../worker/oci/range.ts";
import type { FillRecord } from "../../../worker/proxy/blob-fill.ts";
import { Filler, type FillerOptions } from "../../../worker/proxy/filler.ts";
import { StoreError } from "../../../worker/store/errors.ts";
import { UpstreamError } from "../../../worker/upstream/errors.ts";
import type { BlobBody, BlobRequest } from "../../../worker/upstream/upstream.ts";
import { type Content, contentOf, syntheticContent } from "../../helpers/images.ts";
import { repositoryOf } from "../../helpers/inventory.ts";
import { DigestStream, FixedLengthStream } from "../../helpers/workerd-streams.ts";

const MIB = 1024 * 1024;
const APP = repositoryOf("team/app");
const SMALL = syntheticContent(3 * MIB + 1);
/** More than what goes into the store in one piece. */
const LARGE = syntheticContent(17 * MIB + 1);
const WRONG = { kind: "failed", failure: { kind: "bad-response" } };

let blobs: Map<string, Buffer>;
let chunks: Map<string, Buffer>;
let record: FillRecord | null;
let requests: BlobRequest[];
/** What the registry sends, a request at a time; the last one stays. */
let sources: Content[];
let answer: (request: BlobRequest, source: Content) => Promise<BlobBody | null>;
let isStoreAway: boolean;

beforeAll(() => {
  vi.stubGlobal("FixedLengthStream", FixedLengthStream);
  vi.stubGlobal("crypto", { DigestStream });
});
afterAll(() => vi.unstubAllGlobals());
beforeEach(() => {
  blobs = new Map();
  chunks = new Map();
  record = null;
  requests = [];
  answer = async ({ range }, source) => bodyOf(source, range);
  isStoreAway = false;
});

function nameOf({ first, last }: ByteRange): string {
  return `${first}-${last}`;
}

function streamOf(bytes: Buffer): ReadableStream<Uint8Array> {
  return new Response(new Uint8Array(bytes)).body!;
}

function bodyOf(source: Content, asked: ByteRange | null, part: Partial<BlobBody> = {}): BlobBody {
  const last = Math.min(asked?.last ?? Infinity, source.size - 1);
  const range = asked === null ? null : { first: asked.first, last };
  const first = asked?.first ?? 0;
  const body = streamOf(source.read(first, last + 1 - first));
  return { body, size: source.size, range, location: null, ...part };
}

async function read(body: ReadableStream<Uint8Array> | Uint8Array): Promise<Buffer> {
  return Buffer.from(
    body instanceof Uint8Array ? body : new Uint8Array(await new Response(body).arrayBuffer()),
  );
}

const store = {
  statBlob: async (digest: Digest) => {
    const bytes = blobs.get(digest);
    return bytes === undefined ? null : { size: bytes.byteLength };
  },
  putBlob: async (digest: Digest, body: ReadableStream<Uint8Array>) => {
    const bytes = await read(body);
    const found = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    if (found !== digest)
      throw new StoreError("digest-mismatch", { operation: "put", cause: "another digest" });
    blobs.set(digest, bytes);
  },
  openChunk: async (_digest: Digest, chunk: ByteRange, { first, last }: ByteRange) => {
    const bytes = chunks.get(nameOf(chunk));
    return bytes === undefined
      ? null
      : streamOf(bytes.subarray(first - chunk.first, last + 1 - chunk.first));
  },
  putChunk: async (_d: Digest, chunk: ByteRange, body: ReadableStream<Uint8Array> | Uint8Array) => {
    const bytes = await read(body);
    if (isStoreAway) throw new StoreError("failed", { operation: "put", cause: "away" });
    chunks.set(nameOf(chunk), bytes);
  },
  deleteChunks: async (_digest: Digest, gone: readonly ByteRange[]) => {
    for (const chunk of gone) chunks.delete(nameOf(chunk));
  },
  probe: async () => undefined,
};

function fill(wanted: Content, ...from: readonly Content[]): Filler {
  sources = from.length === 0 ? [wanted] : [...from];
  const digest = wanted.digest as Digest;
  const upstream = {
    name: "docker.io",
    openBlob: async (request: BlobRequest) => {
      requests.push(request);
      const source = sources.length > 1 ? sources.shift() : sources[0];
      return await answer(request, source ?? wanted);
    },
  };
  const log = {
    read: () => record,
    begin: (key: FillRecord["key"], size: number) => (record = { key, size, chunks: [] }),
    addChunk: (chunk: ByteRange) => {
      if (record !== null) record = { ...record, chunks: [...record.chunks, chunk] };
    },
    clear: () => (record = null),
  };
  const options = { digest, key: APP, store, upstream, log, warn: () => undefined };
  return new Filler(options as unknown as FillerOptions);
}

function expectStored(content: Content): void {
  expect(blobs.get(content.digest)?.equals(content.read(0, content.size))).toBe(true);
}

/** Of the same size, and another in its last byte. */
function damaged(content: Content): Content {
  const bytes = Buffer.from(content.read(0, content.size));
  bytes[bytes.length - 1]! ^= 1;
  return contentOf(bytes);
}

describe("a small blob", () => {
  test.each([
    ["of two ranges", SMALL, 2],
    ["of the first one", syntheticContent(MIB), 1],
    ["of a byte", contentOf("x"), 1],
  ])("is stored in one piece before anybody is answered: %s", async (_, content, asked) => {
    const filler = fill(content);
    expect(await filler.opened).toEqual({ kind: "stored", fetchedBytes: content.size });
    expectStored(content);
    expect(requests).toHaveLength(asked);
    expect(await filler.verified()).toEqual({ kind: "verified" });
    expect(await filler.segment(0)).toMatchObject({ kind: "stored" });
    expect(chunks.size).toBe(0);
  });

  test("that is stored already is not asked for", async () => {
    blobs.set(SMALL.digest, SMALL.read(0, SMALL.size));
    expect(await fill(SMALL).opened).toEqual({ kind: "stored" });
    expect(requests).toEqual([]);
  });

  test("that came wrong once is asked for again; twice, and nobody gets it", async () => {
    const wrong = damaged(SMALL);
    expect((await fill(SMALL, wrong, wrong, SMALL).opened).kind).toBe("stored");
    expectStored(SMALL);
    blobs.clear();
    const filler = fill(SMALL, wrong);
    expect(await filler.opened).toMatchObject(WRONG);
    expect(await filler.verified()).toMatchObject(WRONG);
    expect(await filler.segment(0)).toMatchObject(WRONG);
    expect(blobs.size).toBe(0);
  });

  test("without a byte is had whole, since it has no first one", async () => {
    const empty = contentOf("");
    answer = async ({ range }, source) => {
      if (range === null) return { ...bodyOf(source, null), body: streamOf(Buffer.alloc(0)) };
      const failure = { kind: "bad-response", upstream: "docker.io", message: "no", status: 416 };
      throw new UpstreamError(failure as UpstreamError["failure"]);
    };
    expect((await fill(empty).opened).kind).toBe("stored");
    expectStored(empty);
  });

  test("that the upstream has not is absent, and who waits for it is told", async () => {
    answer = async () => null;
    const filler = fill(SMALL);
    expect(await filler.opened).toEqual({ kind: "absent" });
    expect(await filler.verified()).toMatchObject({ kind: "failed" });
  });
});

describe("a large blob", () => {
  test("is open as soon as a chunk is stored, and made of chunks once all are verified", async () => {
    const filler = fill(LARGE);
    expect(await filler.opened).toEqual({ kind: "filling", size: LARGE.size });
    expect(chunks.size).toBeGreaterThan(0);
    expect(blobs.size).toBe(0);
    const segment = await filler.segment(LARGE.size - 1);
    expect(segment).toMatchObject({ kind: "chunk", chunk: { last: LARGE.size - 1 } });
    expect(await filler.verified()).toEqual({ kind: "verified" });
    expect(await filler.finished).toEqual({ kind: "stored", fetchedBytes: LARGE.size });
    expectStored(LARGE);
    expect(record?.chunks.length).toBe(chunks.size);
  });

  test("goes on from the chunks of an earlier fill, which are verified with the rest", async () => {
    const kept = { first: MIB, last: 16 * MIB - 1 };
    const put = (content: Content): void => {
      chunks.set(nameOf(kept), content.read(kept.first, 15 * MIB));
      record = { key: APP, size: LARGE.size, chunks: [kept] };
    };
    put(LARGE);
    expect((await fill(LARGE).finished).kind).toBe("stored");
    expectStored(LARGE);
    expect(requests.every(({ range }) => range!.last < MIB || range!.first >= 16 * MIB)).toBe(true);

    blobs.clear();
    put(syntheticContent(LARGE.size));
    expect(await fill(LARGE).finished).toMatchObject(WRONG);
    expect([blobs.size, chunks.size, record]).toEqual([0, 0, null]);
  });

  test("whose digest is wrong is never verified, and nothing of it is kept", async () => {
    const filler = fill(LARGE, damaged(LARGE));
    expect((await filler.opened).kind).toBe("filling");
    expect(await filler.verified()).toMatchObject(WRONG);
    expect(await filler.finished).toMatchObject(WRONG);
    expect([blobs.size, chunks.size, record]).toEqual([0, 0, null]);
  });

  test("fails at the store before anybody is answered where it takes no chunk", async () => {
    isStoreAway = true;
    const filler = fill(LARGE);
    expect(await filler.opened).toEqual({ kind: "store-failed" });
    expect(await filler.verified()).toEqual({ kind: "store-failed" });
  });
});

test("a blob whose length nobody says is had whole, verified and stored", async () => {
  answer = async ({ range }, source) => bodyOf(source, range, { size: null });
  const filler = fill(SMALL);
  expect(await filler.opened).toEqual({ kind: "stored", fetchedBytes: SMALL.size });
  expectStored(SMALL);
  expect(requests.at(-1)?.range).toBeNull();
  blobs.clear();
  chunks.clear();
  record = null;
  expect(await fill(SMALL, damaged(SMALL)).opened).toMatchObject(WRONG);
  expect(blobs.size).toBe(0);
});
