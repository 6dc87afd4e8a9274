import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { type Content, contentOf, createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

const MIB = 1024 * 1024;

let hub: FakeHub;
let mirror: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  mirror = await startTestMirror({ UPSTREAM: hub.url });
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});
beforeEach(() => {
  hub.forget();
  hub.faults = noFaults();
});

function publish(size: number): { blob: Content; path: string } {
  const blob = syntheticContent(size);
  hub.push("team/app", "1", createImage([blob]));
  return { blob, path: `/v2/team/app/blobs/${blob.digest}` };
}

function sent(blob: Content): number {
  return hub.bytesSent.get(blob.digest) ?? 0;
}

/** Waits until a blob is one verified object in the store. */
async function settled(path: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const head = await mirror.fetch(path, { method: "HEAD" });
      expect(head.headers.get("x-cache")).toBe("HIT");
    },
    { timeout: 20_000, interval: 50 },
  );
}

const SIZES = [
  ["an empty blob", 0],
  ["a blob of one byte", 1],
  ["a config", 2000],
  ["a blob of exactly the first range", MIB],
  ["a blob of one byte more than the first range", MIB + 1],
  ["a small layer", 5 * MIB],
  ["the largest small layer", 16 * MIB],
  ["the smallest large layer", 16 * MIB + 1],
  ["a large layer", 41 * MIB + 77],
] as const;

describe.each(SIZES)("%s", (_name, size) => {
  test("is served whole, cold and warm, and is fetched once", async () => {
    const { blob, path } = publish(size);
    const cold = await receive(mirror.fetch(path));
    expect(cold).toMatchObject({ status: 200, digest: blob.digest, length: size, broken: false });
    expect(cold.headers.get("content-length")).toBe(String(size));
    await settled(path);
    const warm = await receive(mirror.fetch(path));
    expect(warm).toMatchObject({ status: 200, digest: blob.digest, length: size, broken: false });
    expect(Object.fromEntries(warm.headers)).toMatchObject({
      "x-cache": "HIT",
      "content-length": String(size),
      "accept-ranges": "bytes",
      "docker-content-digest": blob.digest,
      etag: `"${blob.digest}"`,
    });
    expect(sent(blob)).toBe(size);
  });
});

describe("HEAD", () => {
  test("of a cold blob asks Docker Hub for the size and fetches nothing", async () => {
    const { blob, path } = publish(3000);
    const head = await mirror.fetch(path, { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe("3000");
    expect(sent(blob)).toBe(0);
  });

  test("of a warm blob asks nobody", async () => {
    const { path } = publish(3000);
    await receive(mirror.fetch(path));
    hub.forget();
    const head = await mirror.fetch(path, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("3000");
    expect(hub.log).toEqual([]);
  });
});

test("a blob that the client has already is 304", async () => {
  const { blob, path } = publish(3000);
  await receive(mirror.fetch(path));
  const headers = { "if-none-match": `"${blob.digest}"` };
  expect((await mirror.fetch(path, { headers })).status).toBe(304);
});

test("a blob that Docker Hub has not is 404 BLOB_UNKNOWN", async () => {
  publish(10);
  const path = `/v2/team/app/blobs/${contentOf("nowhere").digest}`;
  const response = await mirror.fetch(path);
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ errors: [{ code: "BLOB_UNKNOWN" }] });
  expect((await mirror.fetch(path, { method: "HEAD" })).status).toBe(404);
});

/** first, last, and the range as a client writes it */
const RANGES = [
  ["bytes=0-", 0, 1],
  ["bytes=0-0", 0, 0],
  ["bytes=100-199", 100, 199],
  ["bytes=1048570-1048580", 1048570, 1048580],
  ["bytes=-500", -500, -1],
  ["bytes=5-99999999999", 5, -1],
] as const;

describe.each(["cold", "warm"] as const)("a range of a %s blob", (state) => {
  describe.each([2 * MIB, 20 * MIB])("of %d bytes", (size) => {
    test.each(RANGES)("%s is answered by exactly those bytes", async (range, from, to) => {
      const { blob, path } = publish(size);
      if (state === "warm") {
        await receive(mirror.fetch(path));
        await settled(path);
      }
      const first = from < 0 ? size + from : from;
      const last = range === "bytes=0-" ? size - 1 : to < 0 ? size - 1 : to;
      const response = await mirror.fetch(path, { headers: { range } });
      expect(response.status).toBe(206);
      expect(response.headers.get("content-range")).toBe(`bytes ${first}-${last}/${size}`);
      expect(response.headers.get("content-length")).toBe(String(last - first + 1));
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(bytes.equals(blob.read(first, last - first + 1))).toBe(true);
    });

    test.each(["bytes=99999999999-", "bytes=-0"])("%s is 416", async (range) => {
      const { path } = publish(size);
      if (state === "warm") {
        await receive(mirror.fetch(path));
        await settled(path);
      }
      const response = await mirror.fetch(path, { headers: { range } });
      expect(response.status).toBe(416);
      expect(response.headers.get("content-range")).toBe(`bytes */${size}`);
      expect(await response.json()).toMatchObject({ errors: [{ code: "SIZE_INVALID" }] });
    });

    test.each(["bytes=0-1,5-6", "lines=1-2", "bytes=9-3"])(
      "%s is the whole blob",
      async (range) => {
        const { blob, path } = publish(size);
        if (state === "warm") {
          await receive(mirror.fetch(path));
          await settled(path);
        }
        const got = await receive(mirror.fetch(path, { headers: { range } }));
        expect(got).toMatchObject({ status: 200, digest: blob.digest, length: size });
      },
    );
  });
});

test("a range is given only of the content that If-Range names", async () => {
  const { blob, path } = publish(1000);
  await receive(mirror.fetch(path));
  const ask = (tag: string) =>
    mirror.fetch(path, { headers: { range: "bytes=1-2", "if-range": tag } });
  expect((await ask(`"${blob.digest}"`)).status).toBe(206);
  expect((await ask('"sha256:other"')).status).toBe(200);
});

describe("when the connection to Docker Hub's CDN", () => {
  test.each([
    ["once", 1],
    ["five times", 5],
  ])("is cut %s, the same answer goes on to its right end", async (_name, times) => {
    for (const size of [3 * MIB, 40 * MIB]) {
      const { blob, path } = publish(size);
      hub.faults.cut = { afterBytes: 700_000, times };
      const got = await receive(mirror.fetch(path));
      expect(got).toMatchObject({ status: 200, digest: blob.digest, length: size, broken: false });
      expect(hub.faults.cut.times).toBe(0);
    }
  });

  test("is cut every time after 300 kB, a layer still gets through, in small pieces", async () => {
    const { blob, path } = publish(20 * MIB);
    hub.faults.cut = { afterBytes: 300_000, times: Infinity };
    const got = await receive(mirror.fetch(path));
    expect(got).toMatchObject({ status: 200, digest: blob.digest, broken: false });
  });

  test("stalls, the bytes are asked for again", async () => {
    const { blob, path } = publish(20 * MIB);
    hub.faults.stall = { afterBytes: 100_000, times: 1 };
    const got = await receive(mirror.fetch(path));
    expect(got).toMatchObject({ status: 200, digest: blob.digest, broken: false });
  }, 60_000);

  test("is refused because the signed URL has ended, a new one is asked for", async () => {
    const { blob, path } = publish(40 * MIB);
    hub.faults.urlUses = 2;
    const got = await receive(mirror.fetch(path));
    expect(got).toMatchObject({ status: 200, digest: blob.digest, broken: false });
  });

  test("ignores ranges, the blob is served and cached all the same", async () => {
    for (const size of [3 * MIB, 40 * MIB]) {
      const { blob, path } = publish(size);
      hub.faults.ignoreRange = true;
      expect(await receive(mirror.fetch(path))).toMatchObject({ status: 200, digest: blob.digest });
      await settled(path);
      expect(sent(blob)).toBe(size);
    }
  });

  test("ignores ranges and is cut, what is stored is not lost", async () => {
    const { blob, path } = publish(40 * MIB);
    hub.faults.ignoreRange = true;
    hub.faults.cut = { afterBytes: 15 * MIB, times: 1 };
    const got = await receive(mirror.fetch(path));
    expect(got).toMatchObject({ status: 200, digest: blob.digest, broken: false });
  });

  test("sends gzip that nobody asked for, the bytes are right", async () => {
    for (const size of [3 * MIB, 20 * MIB]) {
      const { blob, path } = publish(size);
      hub.faults.gzip = true;
      const got = await receive(mirror.fetch(path));
      expect(got).toMatchObject({ status: 200, digest: blob.digest, length: size, broken: false });
    }
  });
});

describe("a corrupted blob", () => {
  test.each([1000, 2 * MIB, 40 * MIB])(
    "of %d bytes never ends well and is never stored",
    async (size) => {
      const { blob, path } = publish(size);
      hub.faults.corruptBlobs = true;
      const got = await receive(mirror.fetch(path));
      expect(got.status === 502 || got.broken).toBe(true);
      expect(got.length === size && !got.broken && got.status === 200).toBe(false);
      hub.faults = noFaults();
      expect(await receive(mirror.fetch(path))).toMatchObject({ status: 200, digest: blob.digest });
    },
  );
});

test("a client that leaves half-way does not stop the fill", async () => {
  const { blob, path } = publish(40 * MIB);
  hub.faults.bytesPerSecond = 30 * MIB;
  const leaving = new AbortController();
  const response = await mirror.fetch(path, { signal: leaving.signal });
  await response.body?.getReader().read();
  leaving.abort();
  await settled(path);
  expect(sent(blob)).toBe(blob.size);
});

test("twenty-five clients at once cost one download, and all get the right bytes", async () => {
  const { blob, path } = publish(30 * MIB);
  hub.faults.bytesPerSecond = 20 * MIB;
  const all = await Promise.all(Array.from({ length: 25 }, () => receive(mirror.fetch(path))));
  for (const got of all)
    expect(got).toMatchObject({ status: 200, digest: blob.digest, broken: false });
  expect(sent(blob)).toBe(blob.size);
});

test("the bytes of a blob that is being filled are had from the middle without waiting for the start", async () => {
  const { blob, path } = publish(60 * MIB);
  hub.faults.bytesPerSecond = 20 * MIB;
  const first = 50 * MIB;
  const got = await mirror.fetch(path, { headers: { range: `bytes=${first}-` } });
  const bytes = Buffer.from(await got.arrayBuffer());
  expect(bytes.equals(blob.read(first, blob.size - first))).toBe(true);
  expect(sent(blob)).toBe(blob.size);
});

const OUTAGES = { "429": 429, "500": 500, "503": 503, reset: 502 } as const;

describe.each(Object.entries(OUTAGES))("while the CDN answers with %s", (outage, status) => {
  test("a cold blob gets that status, and works once the CDN does", async () => {
    const { blob, path } = publish(5000);
    hub.faults.cdn = outage as keyof typeof OUTAGES;
    const refused = await mirror.fetch(path);
    expect(refused.status).toBe(status);
    expect(await refused.json()).toMatchObject({ errors: [{ code: expect.any(String) }] });
    hub.faults = noFaults();
    expect(await receive(mirror.fetch(path))).toMatchObject({ status: 200, digest: blob.digest });
  });
});

test("nothing is told to the CDN but the range", async () => {
  const { path } = publish(2 * MIB);
  const headers = { authorization: "Bearer client-secret", cookie: "a=b", "x-private": "yes" };
  expect((await receive(mirror.fetch(path, { headers }))).status).toBe(200);
  for (const request of hub.log)
    expect(JSON.stringify(request.headers)).not.toMatch(/client-secret|a=b|x-private/);
  for (const request of hub.requests("cdn")) expect(request.headers.authorization).toBeUndefined();
});
