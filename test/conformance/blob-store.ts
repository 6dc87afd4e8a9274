import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Digest, parseDigest } from "../../worker/oci/digest.ts";
import type { ByteRangeSpec } from "../../worker/oci/range.ts";
import { blobKey, chunkKey } from "../../worker/store/keys.ts";
import type { BlobStore, ChunkStore, ObjectStore } from "../../worker/store/store.ts";

type Stored = BlobStore & ChunkStore & ObjectStore;

/** One implementation, and what is left in it of things that came to nothing. */
export interface StoreUnderTest {
  readonly store: Stored;
  /** A body as this one can take it here; Miniflare's R2 has streams of known length alone, and Node has none. */
  bodyOf(bytes: Buffer): ReadableStream<Uint8Array>;
  /** Keys that are neither blobs nor chunks. */
  strays(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

let made = 0;

function content(length: number): Buffer {
  made += 1;
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = (at * 7 + made * 31) % 251;
  return bytes;
}

function digestOf(bytes: Uint8Array, algorithm = "sha256"): Digest {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`)!;
}

async function textOf(body: ReadableStream<Uint8Array> | null | undefined): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  if (body) for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** What every store of blobs and chunks does alike. */
export function describeBlobStore(name: string, start: () => Promise<StoreUnderTest>): void {
  describe(`blobs and chunks in ${name}`, () => {
    let under: StoreUnderTest;
    let store: Stored;
    beforeAll(async () => {
      under = await start();
      ({ store } = under);
    });
    afterAll(() => under.stop());

    async function put(length: number) {
      const bytes = content(length);
      const digest = digestOf(bytes);
      await store.putBlob(digest, under.bodyOf(bytes));
      return { bytes, digest };
    }

    test.each([0, 1, 100_000])("a blob of %d bytes is given back as it was put", async (length) => {
      const { bytes, digest } = await put(length);
      const opened = await store.openBlob(digest, null);
      if (opened === null || "unsatisfiable" in opened) throw new Error("it is there");
      expect(opened).toMatchObject({ size: length, range: null });
      expect((await textOf(opened.body)).equals(bytes)).toBe(true);
      expect(await store.statBlob(digest)).toEqual({ size: length });
    });

    test("a sha512 blob too", async () => {
      const bytes = content(500);
      const digest = digestOf(bytes, "sha512");
      await store.putBlob(digest, under.bodyOf(bytes));
      expect(await store.statBlob(digest)).toEqual({ size: 500 });
    });

    test("what is not there is null", async () => {
      const digest = digestOf(content(9));
      expect(await store.openBlob(digest, null)).toBeNull();
      expect(await store.openBlob(digest, { kind: "from", first: 1, last: 2 })).toBeNull();
      expect(await store.statBlob(digest)).toBeNull();
      const chunk = { first: 0, last: 9 };
      expect(await store.openChunk(digest, chunk, chunk)).toBeNull();
    });

    test.each<[ByteRangeSpec, number, number]>([
      [{ kind: "from", first: 0, last: 0 }, 0, 1],
      [{ kind: "from", first: 10, last: 19 }, 10, 20],
      [{ kind: "from", first: 990, last: null }, 990, 1000],
      [{ kind: "from", first: 990, last: 5000 }, 990, 1000],
      [{ kind: "suffix", length: 5 }, 995, 1000],
      [{ kind: "suffix", length: 5000 }, 0, 1000],
    ])("%j of 1000 bytes are %d to %d", async (spec, first, end) => {
      const { bytes, digest } = await put(1000);
      const opened = await store.openBlob(digest, spec);
      if (opened === null || "unsatisfiable" in opened) throw new Error("it is there");
      expect(opened).toMatchObject({ size: 1000, range: { first, last: end - 1 } });
      expect((await textOf(opened.body)).equals(bytes.subarray(first, end))).toBe(true);
    });

    test.each<ByteRangeSpec>([
      { kind: "from", first: 1000, last: null },
      { kind: "from", first: 5000, last: 6000 },
      { kind: "suffix", length: 0 },
    ])("%j of 1000 bytes is none of them, and the size is told", async (spec) => {
      const { digest } = await put(1000);
      expect(await store.openBlob(digest, spec)).toEqual({ unsatisfiable: true, size: 1000 });
    });

    test("bytes of another digest are refused, and nothing of them stays", async () => {
      const digest = digestOf(content(100));
      const wrong = store.putBlob(digest, under.bodyOf(content(100)));
      await expect(wrong).rejects.toMatchObject({ name: "StoreError", kind: "digest-mismatch" });
      expect(await store.statBlob(digest)).toBeNull();
      expect(await under.strays()).toEqual([]);
    });

    test("a blob that is put again stays what it is, and a wrong one does not take its place", async () => {
      const { bytes, digest } = await put(300);
      await store.putBlob(digest, under.bodyOf(bytes));
      await store.putBlob(digest, under.bodyOf(content(300))).catch(() => undefined);
      const opened = await store.openBlob(digest, null);
      if (opened === null || "unsatisfiable" in opened) throw new Error("it is there");
      expect((await textOf(opened.body)).equals(bytes)).toBe(true);
    });

    test("chunks are stored and read in parts, and are gone when they are deleted", async () => {
      const bytes = content(5000);
      const digest = digestOf(bytes);
      const chunks = [
        { first: 0, last: 1999 },
        { first: 2000, last: 4999 },
      ] as const;
      await store.putChunk(digest, chunks[0], under.bodyOf(bytes.subarray(0, 2000)));
      await store.putChunk(digest, chunks[1], bytes.subarray(2000));
      const part = await store.openChunk(digest, chunks[1], { first: 2500, last: 2599 });
      expect((await textOf(part)).equals(bytes.subarray(2500, 2600))).toBe(true);
      await store.deleteChunks(digest, chunks);
      for (const chunk of chunks) expect(await store.openChunk(digest, chunk, chunk)).toBeNull();
    });

    test("a probe leaves nothing", async () => {
      await store.probe(digestOf(content(1)));
      expect((await store.listObjects("fills", null)).objects).toEqual([]);
      expect(await under.strays()).toEqual([]);
    });

    test("all objects of a kind are listed once, in order, with sizes and times", async () => {
      const digest = digestOf(content(3));
      const chunks = Array.from({ length: 12 }, (_, at) => ({ first: at * 10, last: at * 10 }));
      for (const chunk of chunks) await store.putChunk(digest, chunk, new Uint8Array(1));
      const { objects, isLast } = await store.listObjects("fills", null);
      expect(isLast).toBe(true);
      expect(objects[0]).toMatchObject({ size: 1, digest: null });
      expect(Math.abs((objects[0]?.uploadedMs ?? 0) - Date.now())).toBeLessThan(60_000);
      const names = chunks
        .map((chunk) => chunkKey(digest, chunk).slice("fills/".length))
        .toSorted((a, b) => (a < b ? -1 : 1));
      expect(objects.map(({ name }) => name)).toEqual(names);
      const rest = await store.listObjects("fills", names[4] ?? null);
      expect(rest.objects.map(({ name }) => name)).toEqual(names.slice(5));
      await store.deleteChunks(digest, chunks);
      expect((await store.listObjects("fills", null)).objects).toEqual([]);
    });

    test("objects of any kind are deleted by their keys, and one that is not there is no error", async () => {
      const { digest } = await put(70);
      await store.putSnapshot("2026-11-29/000000.json", "{}");
      const missing = digestOf(content(71));
      const keys = [blobKey(digest), "snapshots/2026-11-29/000000.json", blobKey(missing)];
      await store.deleteObjects(keys);
      expect(await store.statBlob(digest)).toBeNull();
      expect((await store.listObjects("snapshots", null)).objects).toEqual([]);
      await store.deleteObjects(keys);
      await store.deleteObjects([]);
    });
  });
}
