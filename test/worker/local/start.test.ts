import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { type MirrorProcess, spawnMirror } from "../../helpers/process.ts";
import { readBucket } from "../../helpers/store-files.ts";

const MIB = 1024 * 1024;

let hub: FakeHub;
let data: string;
let running: MirrorProcess | null = null;

beforeAll(async () => {
  hub = await startFakeHub();
});
afterAll(() => hub.close());
beforeEach(async () => {
  hub.faults = noFaults();
  data = await mkdtemp(join(tmpdir(), "tidepool-start-"));
});
afterEach(async () => {
  await running?.kill().catch(() => undefined);
  running = null;
  await rm(data, { recursive: true, force: true });
});

async function start(...more: string[]): Promise<MirrorProcess> {
  const args = ["--port", "0", "--data", data, "--var", `UPSTREAM=${hub.url}`, ...more];
  running = await spawnMirror(args);
  return running;
}

function publish(size: number) {
  const blob = syntheticContent(size);
  const image = createImage([blob]);
  hub.push("team/app", "1", image);
  return { blob, image, path: `/v2/team/app/blobs/${blob.digest}` };
}

test("says where it listens, what to paste, and where its data is; ends cleanly on SIGTERM", async () => {
  const mirror = await start();
  expect(mirror.output()).toContain(`{ "registry-mirrors": ["${mirror.url.origin}"] }`);
  expect(mirror.output()).toContain(`data: ${data}`);
  expect(await mirror.terminate()).toBe(0);
});

test("has a place for the secret in what to paste where it is not open", async () => {
  const tokens = `ACCESS_TOKENS=shop:${"s3cr3t".repeat(4)}`;
  const mirror = await start("--var", "ACCESS=token:shop", "--var", tokens);
  expect(mirror.output()).toContain(`{ "registry-mirrors": ["${mirror.url.origin}/t/SECRET"] }`);
  expect(mirror.output()).not.toContain("s3cr3t");
});

test.each([
  [["--var", "TAG_TTL_SECONDS=soon"], "TAG_TTL_SECONDS"],
  [["--var", "UPSTREAM=ftp://x"], "UPSTREAM"],
  [["--var", "DOCKERHUB_USERNAME=me"], "DOCKERHUB_TOKEN"],
  [["--var", "ACCESS=everybody"], "ACCESS"],
  [["--var", "ACCESS=token:shop"], "ACCESS_TOKENS"],
  [["--var", "ACCESS=cidr:10.0.0.0/8"], "ACCESS"],
  [["--var", "ACCESS_TOKENS=shop:short"], "ACCESS_TOKENS"],
  [["--var", "ADMIN_TOKEN=short"], "ADMIN_TOKEN"],
  [["--var", "PULL_LOG_DAYS=0"], "PULL_LOG_DAYS"],
  [["--var", "RETENTION_DAYS=0"], "RETENTION_DAYS"],
  [["--var", "RETENTION_DAYS=soon"], "RETENTION_DAYS"],
  [["--var", "STORAGE_LIMIT_BYTES=10GB"], "STORAGE_LIMIT_BYTES"],
  [["--var", "STORAGE_LIMIT_BYTES=0"], "STORAGE_LIMIT_BYTES"],
  [["--var", "STORAGE_LIMIT_BYTES=9007199254740993"], "STORAGE_LIMIT_BYTES"],
  [["--var", "TYPO=1"], "TYPO"],
  [["--port", "99999"], "--port"],
  [["--nonsense"], "--nonsense"],
  [["--host", "192.0.2.1"], "192.0.2.1 is no address of this machine"],
  [["--host", "192.0.2.1", "--port", "8787"], "192.0.2.1 is no address of this machine"],
])("refuses %j and names what is wrong", async (args, name) => {
  const ended = spawnMirror(["--port", "0", "--data", data, ...args]);
  await expect(ended).rejects.toThrow(new RegExp(`ended with 2: [^]*${name}`));
});

test("a wrong variable in the environment stops it as well", async () => {
  const ended = spawnMirror(["--port", "0", "--data", data], { TAG_TTL_SECONDS: "abc" });
  await expect(ended).rejects.toThrow(/ended with 2: [^]*TAG_TTL_SECONDS/);
});

test("a port that is taken is said to be", async () => {
  const { url } = await start();
  const ended = spawnMirror(["--data", data, "--port", url.port]);
  await expect(ended).rejects.toThrow(`${url.host} is taken; choose another with --port`);
});

test("at every address, shows one that others reach, and says that everybody may pull", async () => {
  const mirror = await start("--host", "0.0.0.0");
  expect((await fetch(new URL("/healthz", mirror.url))).status).toBe(200);
  expect(mirror.output()).toContain("Everybody who reaches this port may pull");
  expect(mirror.output()).toContain(`(UPSTREAM=${hub.url})`);
});

test("looks after its store from the start", async () => {
  await start();
  const day = new Date().toISOString().slice(0, 10);
  const written = `snapshots/${day}/complete.json`;
  await vi.waitFor(() => expect([...readBucket(data).keys()]).toContain(written), {
    timeout: 20_000,
    interval: 100,
  });
});

test("keeps what it has over a restart", async () => {
  const { blob, path } = publish(3 * MIB);
  const first = await start();
  await receive(fetch(new URL(path, first.url)));
  await fetch(new URL("/v2/team/app/manifests/1", first.url));
  expect(await first.terminate()).toBe(0);

  hub.faults.registry = "503";
  const second = await start("--var", "TAG_TTL_SECONDS=0");
  expect(await receive(fetch(new URL(path, second.url)))).toMatchObject({ digest: blob.digest });
  expect((await fetch(new URL("/v2/team/app/manifests/1", second.url))).status).toBe(200);
});

describe("killed in the middle of a fill", () => {
  test.each([3 * MIB, 60 * MIB])(
    "of %d bytes, it gives the right bytes after a restart",
    async (size) => {
      const { blob, path } = publish(size);
      hub.faults.bytesPerSecond = size / 3;
      const first = await start();
      const response = await fetch(new URL(path, first.url));
      const reader = response.body?.getReader();
      if (size > 16 * MIB) await reader?.read();
      await first.kill();
      await reader?.cancel().catch(() => undefined);

      hub.faults.bytesPerSecond = null;
      const second = await start();
      const got = await receive(fetch(new URL(path, second.url)));
      expect(got).toMatchObject({ status: 200, digest: blob.digest, length: size, broken: false });
    },
  );
});

test("stays small while a slow and a stalled client read a layer, and a fast one is not held up", async () => {
  const size = 1024 * MIB;
  const mirror = await start();
  // What the runtime loads for its first fill is not what a layer costs.
  const first = publish(20 * MIB);
  await receive(fetch(new URL(first.path, mirror.url)));
  await receive(fetch(new URL(first.path, mirror.url)));
  const { blob, path } = publish(size);
  const before = mirror.residentBytes();
  const leaving = new AbortController();
  const open = () => fetch(new URL(path, mirror.url), { signal: leaving.signal });

  const stalled = await open();
  await stalled.body?.getReader().read();
  const slow = await open();
  const slowDone = readAtMost(slow, 5 * MIB, leaving.signal);

  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, mirror.residentBytes())), 50);
  const fast = await receive(fetch(new URL(path, mirror.url)));
  clearInterval(watch);
  leaving.abort();
  const readSlowly = await slowDone;

  expect(fast).toMatchObject({ status: 200, digest: blob.digest, broken: false });
  expect(readSlowly).toBeLessThan(size);
  expect((peak - before) / MIB).toBeLessThan(100);
  // Chunks only: the whole layer was fetched once.
  expect(hub.bytesSent.get(blob.digest)).toBe(size);
}, 180_000);

/** Reads at a pace. @returns how many bytes were read until the signal */
async function readAtMost(
  response: Response,
  bytesPerSecond: number,
  signal: AbortSignal,
): Promise<number> {
  const startedAt = performance.now();
  let read = 0;
  try {
    for await (const bytes of response.body ?? []) {
      read += bytes.byteLength;
      const early = (read / bytesPerSecond) * 1000 - (performance.now() - startedAt);
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
      if (signal.aborted) break;
    }
  } catch {
    // The test is over.
  }
  return read;
}
