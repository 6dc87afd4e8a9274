import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readManifest } from "../../../worker/oci/manifest.ts";
import { blobKey, parseManifestName } from "../../../worker/store/keys.ts";
import { type Image, createImage, createIndex, syntheticContent } from "../../helpers/images.ts";
import { repositoryOf } from "../../helpers/inventory.ts";
import { StoreWorld, type TestBucket, digestIn, startBucket } from "../../helpers/upkeep.ts";

const HOUR = 3_600_000;
const LIMIT = 60_000;
const ROUNDS = 12;

let started: TestBucket;

beforeAll(async () => {
  started = await startBucket();
});
afterAll(() => started.stop());

/** A sequence that is the same for a seed. @see Park and Miller, "Random number generators: good ones are hard to find" */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/** What must hold at every moment. */
async function expectConsistent(world: StoreWorld): Promise<void> {
  for (const key of await world.keys("manifests/")) {
    const { key: repository, digest } = parseManifestName(key.slice("manifests/".length))!;
    const use = [{ key: repository, digest, timeMs: 0 }];
    expect(await world.inventory.use(use), `${key} is stored and not known`).toEqual([]);
  }
}

describe.each([1, 2, 3, 4])("interrupted at random, seed %d", (seed) => {
  test("it never loses what is kept, never knows less than is stored, and ends under the limit", async () => {
    const world = new StoreWorld(started.bucket);
    const random = randomOf(seed * 7919);
    const shared = [syntheticContent(3000), syntheticContent(5000)];
    world.limitBytes = LIMIT;
    // The operation fails, or has been done and its answer is lost.
    let isCalm = false;
    world.onOperation = () => {
      if (!isCalm && random(4) === 0) throw new Error("delete: Internal error (10001)");
    };
    const kept: Image[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      isCalm = true;
      const key = repositoryOf(`team/app${random(3)}`);
      const image = createImage([shared[random(2)]!, syntheticContent(4000 + random(6000))]);
      await world.putManifest(key, image.manifest, [`v${random(4)}`]);
      for (const blob of image.blobs) await world.putBlob(blob);
      if (random(3) === 0) await world.putManifest(key, createIndex([image]), [`multi${round}`]);
      kept.push(image);
      world.aheadMs += HOUR;
      isCalm = false;
      for (let steps = 0; steps < 2; steps += 1) await world.step();
      await expectConsistent(world);
    }
    isCalm = true;
    await world.settle();
    await expectConsistent(world);
    expect(await world.storedBytes()).toBeLessThanOrEqual(LIMIT);
    expect((await world.inventory.usage()).usedBytes).toBe(await world.storedBytes());
    expect(world.warnings.length).toBeGreaterThan(0);

    // Every manifest that is left has all its blobs, and the newest ones are among them.
    const left = await world.keys("manifests/");
    for (const name of left) {
      const object = await started.bucket.get(name);
      for (const { digest } of readManifest(await object!.text(), null)?.blobs ?? [])
        expect(await started.bucket.head(blobKey(digest))).not.toBeNull();
    }
    expect(left.some((name) => name.endsWith(digestIn(kept.at(-1)!.manifest.content)))).toBe(true);
    await started.bucket.delete(await world.keys());
  }, 60_000);
});
