import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { type Image, createImage, createIndex, syntheticContent } from "../../helpers/images.ts";
import { type MirrorProcess, spawnMirror } from "../../helpers/process.ts";
import { queryInventory, readBucket } from "../../helpers/store-files.ts";

const MIB = 1024 * 1024;
const LIMIT = 24 * MIB;
/** Longer than what is stored is left to settle, so that eviction runs under fire and not only after it. */
const FIRE_MS = 50_000;
const SETTLED_WITHIN_MS = 90_000;

let hub: FakeHub;
let data: string;
let mirror: MirrorProcess;
let isUp = false;

beforeEach(async () => {
  hub = await startFakeHub();
  data = await mkdtemp(join(tmpdir(), "tidepool-evict-"));
});
afterEach(async () => {
  await mirror.kill();
  await hub.close();
  await rm(data, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const limit = `STORAGE_LIMIT_BYTES=${LIMIT}`;
  const vars = ["--var", `UPSTREAM=${hub.url}`, "--var", limit, "--var", "TAG_TTL_SECONDS=1"];
  mirror = await spawnMirror(["--port", "0", "--data", data, ...vars]);
  isUp = true;
}

/** Twelve images of all sizes, five of them behind an index, one of them with a layer that is filled by chunks. */
function publish(): { readonly repository: string; readonly image: Image }[] {
  const shared = syntheticContent(2 * MIB);
  return Array.from({ length: 12 }, (_, n) => {
    const size = n === 0 ? 18 * MIB : (n + 1) * 300_000;
    const image = createImage([shared, syntheticContent(size), syntheticContent(n * 1000)]);
    const repository = `team/app${n}`;
    hub.push(repository, "1", image);
    if (n % 2 === 1) hub.push(repository, "1", createIndex([image]));
    return { repository, image };
  });
}

/**
 * Pulls an image as a client does.
 *
 * @returns whether it came whole; `false` where the mirror went away under it
 * @throws where anything was answered that is not the image
 */
async function pull(repository: string, image: Image): Promise<boolean> {
  const { url } = mirror;
  const got = async (path: string, digest: string | null): Promise<boolean> => {
    const answer = await receive(fetch(new URL(`/v2/${repository}/${path}`, url))).catch(
      () => null,
    );
    // Killed: there is no answer, or it breaks off.
    if (answer === null || answer.broken) {
      if (isUp && mirror.url === url) throw new Error(`${path} broke off`);
      return false;
    }
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`);
    if (digest !== null && answer.digest !== digest) throw new Error(`${path}: wrong bytes`);
    return true;
  };
  const { digest } = image.manifest.content;
  if (!(await got("manifests/1", null)) || !(await got(`manifests/${digest}`, digest)))
    return false;
  for (const blob of image.blobs)
    if (!(await got(`blobs/${blob.digest}`, blob.digest))) return false;
  return true;
}

test("evicting under fire: every pull is whole and right, and the store ends under its limit", async () => {
  const images = publish();
  await start();
  const until = Date.now() + FIRE_MS;
  let pulls = 0;
  let random = 1;
  const next = (below: number): number => {
    random = (random * 48_271) % 2_147_483_647;
    return random % below;
  };
  const clients = Array.from({ length: 3 }, async () => {
    while (Date.now() < until) {
      const { repository, image } = images[next(images.length)]!;
      if (!isUp) await delay(50);
      else if (await pull(repository, image)) pulls += 1;
    }
  });
  const killing = (async () => {
    while (Date.now() < until) {
      await delay(4_000 + next(6_000));
      isUp = false;
      await mirror.kill();
      await start();
    }
  })();
  await Promise.all([...clients, killing]);
  expect(pulls).toBeGreaterThan(20);

  await vi.waitFor(() => expect(storedBytes()).toBeLessThanOrEqual(LIMIT), {
    timeout: SETTLED_WITHIN_MS,
    interval: 500,
  });
  const evicted = queryInventory(data, "SELECT value FROM meta WHERE name = 'evicted'");
  expect(Number(evicted[0]?.["value"])).toBeGreaterThan(8 * MIB);
  expect(keysOf("manifests/").filter((key) => !knownManifests().has(key))).toEqual([]);
  for (const { repository, image } of images) expect(await pull(repository, image)).toBe(true);
}, 240_000);

function keysOf(prefix: string): string[] {
  return [...readBucket(data).keys()].filter((key) => key.startsWith(prefix));
}

function knownManifests(): Set<string> {
  const rows = queryInventory(data, "SELECT key FROM manifest");
  return new Set(rows.map(({ key }) => `manifests/${String(key)}`));
}

function storedBytes(): number {
  let bytes = 0;
  for (const [key, size] of readBucket(data))
    if (/^(blobs|manifests|tags)\//.test(key)) bytes += size;
  return bytes;
}
