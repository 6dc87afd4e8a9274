import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseBlobName } from "../../../worker/store/keys.ts";
import {
  type Image,
  contentOf,
  createImage,
  createIndex,
  syntheticContent,
} from "../../helpers/images.ts";
import { repositoryOf } from "../../helpers/inventory.ts";
import {
  StoreWorld,
  type TestBucket,
  createReferrer,
  digestIn,
  startBucket,
} from "../../helpers/upkeep.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const app = repositoryOf("team/app");
const other = repositoryOf("team/other");

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

/** Stores an image with its blobs, an hour after what was stored before. */
async function store(key: typeof app, tags: string[], bytes: number): Promise<Image> {
  const image = createImage([syntheticContent(bytes)]);
  await storeImage(key, tags, image);
  return image;
}

async function storeImage(key: typeof app, tags: string[], image: Image): Promise<void> {
  world.aheadMs += HOUR;
  await world.putManifest(key, image.manifest, tags);
  for (const blob of image.blobs) await world.putBlob(blob);
}

async function isWhole(key: typeof app, { manifest, blobs }: Image): Promise<boolean> {
  const stored = await world.store.getManifest(key, digestIn(manifest.content));
  if (stored === null) return false;
  for (const blob of blobs) if ((await world.store.statBlob(digestIn(blob))) === null) return false;
  return true;
}

describe("what was not pulled for as long as it is kept", () => {
  beforeEach(() => {
    world.retentionMs = 30 * DAY;
  });

  test("goes with its tags, its blobs and the repository's entry, and leaves nothing", async () => {
    const image = await store(app, ["1", "latest"], 9000);
    const elsewhere = repositoryOf("team/app", "ghcr.io");
    const another = await store(elsewhere, ["1"], 7000);
    expect(await world.keys("catalog/")).toHaveLength(2);
    world.aheadMs += 29 * DAY;
    await world.settle();
    expect(await isWhole(app, image)).toBe(true);
    expect(await isWhole(elsewhere, another)).toBe(true);
    world.aheadMs += 2 * DAY;
    await world.settle();
    expect((await world.keys()).filter((key) => !key.startsWith("snapshots/"))).toEqual([]);
    expect(await world.inventory.usage()).toMatchObject({ usedBytes: 0, manifests: 0, blobs: 0 });
  });

  test("is told by use and not by age", async () => {
    const old = await store(app, ["old"], 9000);
    const young = await store(app, ["young"], 9000);
    world.aheadMs += 29 * DAY;
    await world.use(app, old.manifest);
    world.aheadMs += 2 * DAY;
    await world.settle();
    expect(await isWhole(app, old)).toBe(true);
    expect(await isWhole(app, young)).toBe(false);
    expect(await world.keys("tags/")).toEqual(["tags/docker.io/team/app:old"]);
    expect(await world.keys("catalog/")).toEqual(["catalog/team/app"]);
  });

  test("leaves the same manifest in another repository, and every blob that is still named", async () => {
    const image = await store(app, ["1"], 9000);
    await storeImage(other, ["1"], image);
    const child = createImage([image.blobs[1]!]);
    await storeImage(other, ["2"], child);
    world.aheadMs += 29 * DAY;
    await world.use(other, image.manifest);
    world.aheadMs += 2 * DAY;
    await world.settle();
    expect(await isWhole(other, image)).toBe(true);
    expect(await isWhole(other, child)).toBe(false);
    expect(await world.keys("catalog/")).toEqual(["catalog/team/other"]);
    expect(await world.keys("tags/")).toEqual(["tags/docker.io/team/other:1"]);
  });

  test("keeps the manifests of an index that is in use, and lets them go with it", async () => {
    // One was pulled before its index, by digest, the other after it, as clients do.
    const images = [5000, 6000].map((bytes) => createImage([syntheticContent(bytes)]));
    const index = createIndex(images);
    await storeImage(app, [], images[0]!);
    await world.putManifest(app, index, ["1"]);
    await storeImage(app, [], images[1]!);
    world.aheadMs += 29 * DAY;
    await world.use(app, index);
    world.aheadMs += 20 * DAY;
    await world.settle();
    for (const image of images) expect(await isWhole(app, image)).toBe(true);
    world.aheadMs += 11 * DAY;
    await world.settle();
    expect(await world.keys("manifests/")).toEqual([]);
    expect(await world.keys("blobs/")).toEqual([]);
  });

  test("takes along what refers to it, and what refers to that", async () => {
    const image = await store(app, ["1"], 5000);
    const signature = createReferrer(image.manifest, [contentOf("signature")]);
    const countersigned = createReferrer(signature, [contentOf("countersignature")]);
    world.aheadMs += 20 * DAY;
    await world.putManifest(app, signature);
    await world.putManifest(app, countersigned, ["sig"]);
    world.aheadMs += 11 * DAY;
    await world.settle();
    expect(await world.keys("manifests/")).toEqual([]);
    expect(await world.keys("tags/")).toEqual([]);
  });

  test("leaves what refers to the same image in another repository", async () => {
    const image = await store(app, ["1"], 5000);
    await storeImage(other, ["1"], image);
    const signature = createReferrer(image.manifest, [contentOf("signature")]);
    for (const key of [app, other]) await world.putManifest(key, signature);
    world.aheadMs += 29 * DAY;
    await world.use(other, image.manifest);
    await world.use(other, signature);
    world.aheadMs += 2 * DAY;
    await world.settle();
    const { digest } = signature.content;
    expect(await world.keys("manifests/")).toHaveLength(2);
    expect(await world.keys("manifests/")).toContain(`manifests/docker.io/team/other@${digest}`);
  });

  test("stays while its signature is asked for", async () => {
    const image = await store(app, ["1"], 5000);
    const signature = createReferrer(image.manifest, []);
    await world.putManifest(app, signature);
    world.aheadMs += 29 * DAY;
    await world.use(app, signature);
    world.aheadMs += 20 * DAY;
    await world.settle();
    expect(await isWhole(app, image)).toBe(true);
  });
});

describe("over the limit", () => {
  test("what was used longest ago goes, and no more than has to", async () => {
    const images: Image[] = [];
    for (let n = 0; n < 6; n += 1) images.push(await store(app, [`v${n}`], 100_000));
    world.aheadMs += 2 * HOUR;
    await world.use(app, images[0]!.manifest);
    world.aheadMs += HOUR;
    world.limitBytes = 450_000;
    await world.settle();
    const whole = await Promise.all(images.map((image) => isWhole(app, image)));
    expect(whole).toEqual([true, false, false, true, true, true]);
    expect(await world.storedBytes()).toBeLessThanOrEqual(450_000);
    expect((await world.inventory.usage()).usedBytes).toBe(await world.storedBytes());
  });

  test("an index goes with its own images before what was used later", async () => {
    const parts = [await store(app, [], 100_000), await store(app, [], 100_000)];
    await world.putManifest(app, createIndex(parts), ["1"]);
    const later = await store(app, ["2"], 1000);
    world.aheadMs += HOUR;
    world.limitBytes = 150_000;
    await world.settle();
    expect(await isWhole(app, later)).toBe(true);
    expect(await world.keys("blobs/")).toHaveLength(4);
    expect((await world.inventory.usage()).usedBytes).toBeLessThanOrEqual(150_000);
  });

  test("blobs that two images share are not counted as freed by the first", async () => {
    const shared = syntheticContent(100_000);
    const images = [createImage([shared]), createImage([shared]), createImage([])];
    for (const [n, image] of images.entries()) await storeImage(app, [`v${n}`], image);
    world.aheadMs += HOUR;
    world.limitBytes = 50_000;
    await world.settle();
    const whole = await Promise.all(images.map((image) => isWhole(app, image)));
    expect(whole).toEqual([false, false, true]);
  });

  test.each([[["1"]], [[]]])(
    "with tags %j even what is in use goes, once it has settled",
    async (tags) => {
      await store(app, tags, 100_000);
      world.limitBytes = 1;
      // The first sweep, after which anything may be taken.
      expect(await world.step()).toBe(0);
      expect(await world.step()).toBeGreaterThan(0);
      expect(await world.keys("manifests/")).toHaveLength(1);
      expect(await world.keys("blobs/")).toHaveLength(2);
      await world.settle();
      expect(await world.storedBytes()).toBe(0);
    },
  );

  test("a blob that nothing names goes first", async () => {
    const image = await store(app, ["1"], 100_000);
    await world.putBlob(syntheticContent(100_000));
    world.limitBytes = 150_000;
    await world.settle();
    expect(await isWhole(app, image)).toBe(true);
    expect(await world.keys("blobs/")).toHaveLength(2);
  });

  test("hundreds of manifests go, batch after batch", async () => {
    for (let n = 0; n < 120; n += 1)
      await world.putManifest(repositoryOf(`team/app${n}`), createImage([]).manifest, ["1"]);
    world.limitBytes = 1000;
    await world.settle();
    expect(await world.storedBytes()).toBeLessThanOrEqual(1000);
    expect((await world.keys("catalog/")).length).toBeLessThanOrEqual(1);
  }, 60_000);
});

test("a store that deletes nothing keeps the inventory as it is, and is tried again", async () => {
  const image = await store(app, ["1"], 100_000);
  world.limitBytes = 1;
  await world.step();
  world.aheadMs += HOUR;
  const before = await world.inventory.usage();
  world.onOperation = (operation) => {
    if (operation === "delete") throw new Error("delete: Internal error (10001)");
  };
  for (let attempts = 0; attempts < 3; attempts += 1) expect(await world.step()).toBe(10 * 60_000);
  expect(await world.inventory.usage()).toEqual(before);
  expect(await isWhole(app, image)).toBe(true);
  expect(world.warnings.splice(0)).toHaveLength(3);
  world.onOperation = () => undefined;
  await world.settle();
  expect(await world.storedBytes()).toBe(0);
  expect(await world.inventory.usage()).toMatchObject({ usedBytes: 0 });
});

test("without limit or retention nothing goes but what nobody can use", async () => {
  const image = await store(app, ["1"], 5000);
  const orphan = syntheticContent(4000);
  await world.putBlob(orphan);
  const chunk = syntheticContent(3000);
  await world.putChunk(chunk);
  await world.putEmptyTag(app, "seen", contentOf("not stored"));
  for (const hours of [0, 22]) {
    world.aheadMs += hours * HOUR;
    await world.settle();
    expect(await world.keys("blobs/")).toHaveLength(3);
    expect(await world.keys("fills/")).toHaveLength(1);
    expect(await world.keys("tags/")).toHaveLength(2);
  }
  world.aheadMs += 2 * DAY;
  await world.settle();
  const blobs = (await world.keys("blobs/")).map((key) => parseBlobName(key.slice(6)));
  expect(new Set(blobs)).toEqual(new Set(image.blobs.map(({ digest }) => digest)));
  expect(await world.keys("fills/")).toEqual([]);
  expect(await world.keys("tags/")).toEqual(["tags/docker.io/team/app:1"]);
  world.aheadMs += 3000 * DAY;
  await world.settle();
  expect(await isWhole(app, image)).toBe(true);
});
