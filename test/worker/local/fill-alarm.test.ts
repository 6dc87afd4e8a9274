import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { type MirrorProcess, spawnMirror } from "../../helpers/process.ts";
import { expireFillAlarms, readBucket, readFillAlarms } from "../../helpers/store-files.ts";

const MIB = 1024 * 1024;
const MINUTE = 60_000;
const EVENTUALLY = { timeout: 20_000, interval: 50 };

let hub: FakeHub;
let data: string;
let mirror: MirrorProcess;

beforeAll(async () => {
  hub = await startFakeHub();
});
afterAll(() => hub.close());
beforeEach(async () => {
  hub.faults = noFaults();
  hub.forget();
  data = await mkdtemp(join(tmpdir(), "tidepool-alarm-"));
  await start();
});
afterEach(async () => {
  await mirror.kill();
  await rm(data, { recursive: true, force: true });
});

async function start(): Promise<void> {
  mirror = await spawnMirror(["--port", "0", "--data", data, "--var", `UPSTREAM=${hub.url}`]);
}

function publish(size: number) {
  const blob = syntheticContent(size);
  hub.push("team/app", "1", createImage([blob]));
  return { blob, path: `/v2/team/app/blobs/${blob.digest}` };
}

function chunks(): string[] {
  return [...readBucket(data).keys()].filter((key) => key.startsWith("fills/"));
}

function isStored(digest: string): boolean {
  return readBucket(data).has(`blobs/${digest.replace(":", "/")}`);
}

test("a fill that a crash ended goes on within half a minute, with no client, from what is stored", async () => {
  const { blob, path } = publish(60 * MIB);
  hub.faults.bytesPerSecond = 10 * MIB;
  const response = await fetch(new URL(path, mirror.url));
  const reader = response.body!.getReader();
  await reader.read();
  await vi.waitFor(() => expect(chunks().length).toBeGreaterThan(3), EVENTUALLY);
  await mirror.kill();
  await reader.cancel().catch(() => undefined);
  const stored = chunkBytes();
  const [due] = readFillAlarms(data);
  expect(due! - Date.now()).toBeLessThanOrEqual(30_000);

  hub.faults = noFaults();
  hub.forget();
  expireFillAlarms(data);
  await start();
  await vi.waitFor(() => expect(isStored(blob.digest)).toBe(true), EVENTUALLY);
  // A chunk may have been stored and not yet written down when the power went.
  expect(hub.bytesSent.get(blob.digest)).toBeGreaterThanOrEqual(blob.size - stored);
  expect(hub.bytesSent.get(blob.digest)).toBeLessThan(blob.size);
  const got = await receive(fetch(new URL(path, mirror.url)));
  expect(got).toMatchObject({ status: 200, digest: blob.digest, broken: false });
}, 60_000);

test("chunks stay a quarter of an hour after a fill for who still reads them, and then go", async () => {
  const { blob, path } = publish(20 * MIB);
  await receive(fetch(new URL(path, mirror.url)));
  await vi.waitFor(() => expect(isStored(blob.digest)).toBe(true), EVENTUALLY);
  await vi.waitFor(() => expect(minutesLeft()).toBe(15), EVENTUALLY);
  expect(chunkBytes()).toBe(blob.size);
  await mirror.kill();
  expireFillAlarms(data);
  await start();
  await vi.waitFor(() => expect(chunks()).toEqual([]), EVENTUALLY);
  await vi.waitFor(() => expect(readFillAlarms(data)).toEqual([]), EVENTUALLY);
  const got = await receive(fetch(new URL(path, mirror.url)));
  expect(got).toMatchObject({ status: 200, digest: blob.digest, broken: false });
}, 60_000);

test("chunks of a fill that failed wait for the next client, and go if none comes", async () => {
  const { blob, path } = publish(60 * MIB);
  hub.faults.bytesPerSecond = 20 * MIB;
  const begun = receive(fetch(new URL(path, mirror.url)));
  await vi.waitFor(() => expect(chunks().length).toBeGreaterThan(1), EVENTUALLY);
  hub.faults.cdn = "reset";
  hub.faults.cut = { afterBytes: 1, times: Infinity };
  expect((await begun).broken).toBe(true);
  await vi.waitFor(() => expect(minutesLeft()).toBe(15), EVENTUALLY);
  expect(chunks().length).toBeGreaterThan(1);
  await mirror.kill();
  expireFillAlarms(data);
  await start();
  await vi.waitFor(() => expect(chunks()).toEqual([]), EVENTUALLY);
  hub.faults = noFaults();
  const got = await receive(fetch(new URL(path, mirror.url)));
  expect(got).toMatchObject({ status: 200, digest: blob.digest, broken: false });
}, 60_000);

function minutesLeft(): number {
  return Math.round(((readFillAlarms(data)[0] ?? 0) - Date.now()) / MINUTE);
}

function chunkBytes(): number {
  let bytes = 0;
  for (const [key, size] of readBucket(data)) if (key.startsWith("fills/")) bytes += size;
  return bytes;
}
