import { rmSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";
import { inventoryFile, queryInventory, readBucket } from "../../helpers/store-files.ts";

const EVENTUALLY = { timeout: 20_000, interval: 100 };

let hub: FakeHub;
let mirror: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
});
afterAll(() => hub.close());
beforeEach(async () => {
  mirror = await startTestMirror({ UPSTREAM: hub.url });
});
afterEach(() => mirror.stop());

/** Pulls an image and takes the inventory away, as an upgrade from a version without one would have left it. */
async function pullAndLoseInventory(): Promise<void> {
  const image = createImage([syntheticContent(30_000)]);
  hub.push("team/app", "1", image);
  await receive(mirror.fetch("/v2/team/app/manifests/1"));
  for (const { digest } of image.blobs) await receive(mirror.fetch(`/v2/team/app/blobs/${digest}`));
  const file = inventoryFile(mirror.data)!;
  await mirror.restart(() => {
    for (const end of ["", "-wal", "-shm"]) rmSync(file + end, { force: true });
  });
}

function expectTakenIn(): void {
  const rows = queryInventory(mirror.data, "SELECT name, value FROM meta");
  const meta = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  const bytes = [...readBucket(mirror.data)]
    .filter(([key]) => /^(blobs|manifests|tags)\//.test(key))
    .reduce((sum, [, size]) => sum + size, 0);
  expect(meta).toMatchObject({ complete: "1", manifests: 1, blobs: 2, bytes });
}

test("the scheduled event takes in what the inventory does not know, and writes the day's catalog", async () => {
  await pullAndLoseInventory();
  await mirror.runScheduled();
  await vi.waitFor(() => {
    expectTakenIn();
    const day = new Date().toISOString().slice(0, 10);
    expect([...readBucket(mirror.data).keys()]).toContain(`snapshots/${day}/complete.json`);
  }, EVENTUALLY);
});

test("a store that the inventory does not know is taken in without waiting for the scheduled event", async () => {
  await pullAndLoseInventory();
  // Anything that asks the inventory.
  await mirror.fetch("/api/stats");
  await vi.waitFor(expectTakenIn, EVENTUALLY);
});
