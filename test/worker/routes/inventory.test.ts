import { mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { CatalogPage } from "../../../worker/contract/catalog.ts";
import { Stats } from "../../../worker/contract/stats.ts";
import { receive } from "../../helpers/bytes.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import {
  TYPES,
  contentOf,
  createImage,
  createIndex,
  syntheticContent,
} from "../../helpers/images.ts";
import { readApi, readLog } from "../../helpers/ledger.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";
import { parsePrometheus } from "../../helpers/prometheus.ts";
import { inventoryFile, queryInventory, readBucket } from "../../helpers/store-files.ts";

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

test("whatever is pulled is known, with what it names and takes", async () => {
  const images = [createImage([syntheticContent(7000)]), createImage([syntheticContent(20_000)])];
  for (const image of images) hub.push("team/app", "part", image);
  hub.push("team/app", "1", createIndex(images));
  await pull("team/app", "1", images[0]!);
  await vi.waitFor(() => {
    const known = queryInventory(mirror.data, "SELECT value FROM meta WHERE name = 'bytes'");
    const stored = [...readBucket(mirror.data).values()].reduce((sum, size) => sum + size, 0);
    expect(known).toEqual([{ value: stored }]);
    expect(keysOf("blobs/")).toHaveLength(2);
  });
  const manifests = queryInventory(mirror.data, "SELECT key, is_child FROM manifest ORDER BY id");
  expect(manifests.map(({ key }) => `manifests/${String(key)}`).toSorted()).toEqual(
    keysOf("manifests/"),
  );
  expect(manifests.map(({ is_child: isChild }) => isChild)).toEqual([0, 1]);
});

test("a manifest of 40,000 layers, as large as one may be, is known whole and in the log", async () => {
  const layers = Array.from({ length: 40_000 }, (_, n) => ({
    digest: `sha256:${n.toString(16).padStart(64, "0")}`,
    size: n,
  }));
  const content = contentOf(JSON.stringify({ schemaVersion: 2, layers }));
  hub.push("team/wide", "1", { mediaType: TYPES.ociManifest, content });
  const got = await receive(mirror.fetch("/v2/team/wide/manifests/1"));
  expect(got).toMatchObject({ status: 200, digest: content.digest });
  expect(keysOf("manifests/")).toHaveLength(1);
  expect(queryInventory(mirror.data, "SELECT count(*) AS n FROM names")).toEqual([{ n: 40_000 }]);
  expect(await readLog(mirror, 1)).toMatchObject([{ repository: "team/wide", tag: "1" }]);
  const { repositories } = await readApi(mirror, "/api/catalog", CatalogPage);
  const bytes = layers.reduce((sum, { size }) => sum + size, content.size);
  expect(repositories).toMatchObject([{ repository: "team/wide", bytes }]);
});

test("what the store holds is in stats, metrics and on the page, beside its limit", async () => {
  await mirror.stop();
  mirror = await startTestMirror({ UPSTREAM: hub.url, STORAGE_LIMIT_BYTES: "5000000000" });
  const image = createImage([syntheticContent(250_000)]);
  hub.push("team/app", "1", image);
  await pull("team/app", "1", image);
  await vi.waitFor(async () => {
    const stored = [...readBucket(mirror.data).values()].reduce((sum, size) => sum + size, 0);
    const { storage } = await readApi(mirror, "/api/stats", Stats);
    expect(storage).toEqual({ usedBytes: stored, limitBytes: 5_000_000_000 });
    const metrics = parsePrometheus(await (await mirror.fetch("/metrics")).text());
    const value = (name: string) => metrics.get(name)?.samples[0]?.value;
    expect(value("tidepool_stored_bytes")).toBe(stored);
    expect(value("tidepool_stored_blobs")).toBe(2);
    expect(value("tidepool_stored_manifests")).toBe(1);
    expect(value("tidepool_storage_limit_bytes")).toBe(5_000_000_000);
    expect(value("tidepool_evicted_bytes_total")).toBe(0);
  });
  const page = await (await mirror.fetch("/")).text();
  expect(page).toMatch(/Storage used: 0 % of the limit/);
});

test("what cannot be told to the inventory is served and not stored", async () => {
  const image = createImage([syntheticContent(3000)]);
  hub.push("team/app", "1", image);
  await pull("team/app", "1", image);
  const name = basename(inventoryFile(mirror.data) ?? "");
  await mirror.stop();

  mirror = await startTestMirror({ UPSTREAM: hub.url });
  // Where the object's SQLite should be there is a folder: every call to it fails.
  const file = join(mirror.data, "do/tidepool-InventoryObject", name);
  mkdirSync(dirname(file), { recursive: true });
  mkdirSync(file);
  await pull("team/app", "1", image);
  await pull("team/app", "1", image);
  expect(keysOf("manifests/")).toEqual([]);
  expect(keysOf("tags/")).toEqual([]);
  // Nor does anything else need it.
  for (const path of ["/", "/metrics", "/api/stats"])
    expect((await mirror.fetch(path)).status).toBe(200);
});

async function pull(repository: string, tag: string, image: ReturnType<typeof createImage>) {
  const byTag = await receive(mirror.fetch(`/v2/${repository}/manifests/${tag}`));
  expect(byTag.status).toBe(200);
  const { digest } = image.manifest.content;
  const manifest = await receive(mirror.fetch(`/v2/${repository}/manifests/${digest}`));
  expect(manifest).toMatchObject({ status: 200, digest });
  for (const blob of image.blobs) {
    const got = await receive(mirror.fetch(`/v2/${repository}/blobs/${blob.digest}`));
    expect(got).toMatchObject({ status: 200, digest: blob.digest, broken: false });
  }
}

function keysOf(prefix: string): string[] {
  return [...readBucket(mirror.data).keys()].filter((key) => key.startsWith(prefix));
}
