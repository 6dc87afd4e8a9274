import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { describeManifest } from "../../../worker/inventory/describe.ts";
import { manifestKey } from "../../../worker/store/keys.ts";
import { parseTag } from "../../../worker/oci/tag.ts";
import {
  type Image,
  contentOf,
  createImage,
  createIndex,
  syntheticContent,
} from "../../helpers/images.ts";
import { repositoryOf } from "../../helpers/inventory.ts";
import { StoreWorld, type TestBucket, digestIn, startBucket } from "../../helpers/upkeep.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const app = repositoryOf("team/app");
const other = repositoryOf("team/app-b");

let started: TestBucket;
let world: StoreWorld;

beforeAll(async () => {
  started = await startBucket();
});
afterAll(() => started.stop());
beforeEach(() => {
  world = new StoreWorld(started.bucket);
});
afterEach(async () => {
  expect(world.warnings).toEqual([]);
  await started.bucket.delete(await world.keys());
});

async function store(key: typeof app, tags: string[], bytes: number): Promise<Image> {
  const image = createImage([syntheticContent(bytes)]);
  await world.putManifest(key, image.manifest, tags);
  for (const blob of image.blobs) await world.putBlob(blob);
  return image;
}

async function known(key: typeof app, image: Image): Promise<boolean[]> {
  const found = image.blobs.map((blob) => world.inventory.find(key, digestIn(blob)));
  return (await Promise.all(found)).map(({ isNamed }) => isNamed);
}

describe("a store that is older than the inventory", () => {
  test("is taken in whole before anything is evicted", async () => {
    const images = [await store(app, ["1"], 9000), await store(other, ["1", "2"], 5000)];
    await world.putManifest(app, createIndex(images), ["multi"]);
    const before = await world.inventory.usage();
    world.loseInventory();
    world.limitBytes = 1;
    world.aheadMs += 10 * DAY;
    expect(isKnownWhole(await known(app, images[0]!))).toBe(false);
    // The step that ends the sweep evicts nothing yet.
    expect(await world.step()).toBe(0);
    expect(await world.inventory.usage()).toEqual(before);
    expect(isKnownWhole(await known(app, images[0]!))).toBe(true);
    expect(isKnownWhole(await known(other, images[1]!))).toBe(true);
    expect(isKnownWhole(await known(app, images[1]!))).toBe(false);
  });

  test("counts as used just now: its age is not its use", async () => {
    const image = await store(app, ["1"], 9000);
    world.aheadMs += 100 * DAY;
    world.loseInventory();
    world.retentionMs = 30 * DAY;
    await world.settle();
    world.aheadMs += 29 * DAY;
    await world.settle();
    expect(await world.store.getManifest(app, digestIn(image.manifest.content))).not.toBeNull();
    world.aheadMs += 2 * DAY;
    await world.settle();
    expect(await world.keys("blobs/")).toEqual([]);
  });

  test("has manifests whose only copy is in a tag", async () => {
    const image = await store(app, ["1"], 9000);
    await started.bucket.delete(manifestKey(app, digestIn(image.manifest.content)));
    world.loseInventory();
    world.aheadMs += 2 * DAY;
    await world.settle();
    world.aheadMs += 2 * DAY;
    await world.settle();
    expect(isKnownWhole(await known(app, image))).toBe(true);
    expect(await world.keys("blobs/")).toHaveLength(2);
  });

  test("is taken in by steps of a bounded number of operations, and evicted only after the last", async () => {
    const blob = syntheticContent(1000);
    await world.putBlob(blob);
    for (let n = 0; n < 320; n += 1)
      await world.putManifest(repositoryOf(`team/app${n % 7}`), createImage([blob]).manifest);
    world.loseInventory();
    world.limitBytes = 1;
    world.aheadMs += DAY;
    let steps = 0;
    for (; world.upkeep.read("complete") === null; steps += 1) {
      const counting = countOperations(world);
      expect(await world.step()).toBe(0);
      expect(counting()).toBeLessThanOrEqual(800);
      // What was taken in by now has settled.
      world.aheadMs += HOUR;
    }
    expect(steps).toBeGreaterThan(1);
    expect((await world.inventory.usage()).manifests).toBe(320);
    expect(await world.keys("manifests/")).toHaveLength(320);
    expect(await world.keys("blobs/")).toHaveLength(1);
  }, 60_000);
});

test("what the store has lost is forgotten, and only that", async () => {
  const images = [await store(app, ["1"], 9000), await store(other, ["1"], 5000)];
  await world.settle();
  const [gone] = images as [Image];
  const keys = [
    manifestKey(app, digestIn(gone.manifest.content)),
    "tags/docker.io/team/app:1",
    `blobs/${gone.blobs[1]!.digest.replace(":", "/")}`,
  ];
  await started.bucket.delete(keys);
  world.aheadMs += DAY;
  await world.settle();
  expect(await world.inventory.usage()).toMatchObject({ manifests: 1 });
  expect(isKnownWhole(await known(app, gone))).toBe(false);
  expect(isKnownWhole(await known(other, images[1]!))).toBe(true);
  expect((await world.inventory.usage()).usedBytes).toBe(await world.storedBytes());
});

test("what was told and is not stored yet is not taken for lost", async () => {
  const image = createImage([]);
  const { mediaType, content } = image.manifest;
  const bytes = new Uint8Array(content.read(0, content.size));
  const told = describeManifest({ digest: digestIn(content), mediaType, bytes });
  await world.inventory.addManifest(app, told);
  await world.settle();
  expect(await world.inventory.usage()).toMatchObject({ manifests: 1 });
  world.aheadMs += DAY;
  await world.settle();
  expect(await world.inventory.usage()).toMatchObject({ manifests: 0 });
});

test("a store that was emptied is not taken for one over its limit for ever", async () => {
  for (let n = 0; n < 20; n += 1) await store(app, [`v${n}`], 2000);
  await world.settle();
  await started.bucket.delete(await world.keys());
  world.aheadMs += DAY;
  await world.settle();
  expect(await world.inventory.usage()).toMatchObject({ usedBytes: 0, manifests: 0, blobs: 0 });
});

test("keys that are none of ours are left alone", async () => {
  const strange = [
    "blobs/notes.txt",
    "blobs/sha256/zz",
    "manifests/readme",
    "tags/x",
    "catalog/UPPER",
    "other/thing",
  ];
  for (const key of strange) await started.bucket.put(key, "mine");
  const image = await store(app, ["1"], 3000);
  world.loseInventory();
  world.aheadMs += 3 * DAY;
  await world.settle();
  world.aheadMs += 3 * DAY;
  await world.settle();
  expect(await world.keys()).toEqual(expect.arrayContaining(strange));
  expect(isKnownWhole(await known(app, image))).toBe(true);
  expect(await world.inventory.usage()).toMatchObject({ manifests: 1, blobs: 2 });
});

test("a tag that came to hold bytes of a manifest that is gone brings it back", async () => {
  const { manifest } = createImage([syntheticContent(2000)]);
  const { content, mediaType } = manifest;
  const digest = digestIn(content);
  const tag = parseTag("late")!;
  await world.inventory.addTag(app, { tag, digest, heldBytes: content.size });
  const bytes = new Uint8Array(content.read(0, content.size));
  await world.store.putTag(app, tag, {
    digest,
    mediaType,
    size: content.size,
    checkedAt: 0,
    bytes,
  });
  await world.settle();
  const used = [{ key: app, digest, timeMs: world.now() }];
  expect(await world.inventory.use(used)).toEqual([]);
  const unknown = [{ key: app, digest: digestIn(contentOf("x")), timeMs: world.now() }];
  expect(await world.inventory.use(unknown)).toEqual(unknown);
});

function isKnownWhole(names: readonly boolean[]): boolean {
  return names.every(Boolean);
}

/** Counts what is asked of the bucket from now on. */
function countOperations(of: StoreWorld): () => number {
  let operations = 0;
  of.onOperation = (_operation, when) => (operations += when === "before" ? 1 : 0);
  return () => operations;
}
