import { beforeEach, describe, expect, test } from "vitest";
import type { SqlInventory } from "../../../worker/inventory/sql.ts";
import type { Tag } from "../../../worker/oci/tag.ts";
import { createInventory, manifestOf, repositoryOf } from "../../helpers/inventory.ts";
import { NOON, digestOf } from "../../helpers/ledger-events.ts";
import { openSqlite } from "../../helpers/sqlite.ts";

const app = repositoryOf("team/app");
const other = repositoryOf("team/other");

const HOUR = 3_600_000;

let clock: { now: number };
let sqlite: ReturnType<typeof openSqlite>;
let inventory: SqlInventory;

beforeEach(() => {
  clock = { now: NOON };
  sqlite = openSqlite();
  inventory = createInventory(clock, sqlite);
});

describe("what names what", () => {
  test("is known by repository: another one's blob is not this one's", async () => {
    await inventory.addManifest(app, manifestOf(1, [10, 11]));
    await inventory.addManifest(other, manifestOf(2, [11, 12]));
    const named = async (key: typeof app) => {
      const found: number[] = [];
      for (const n of [10, 11, 12, 13])
        if ((await inventory.find(key, digestOf(n))).isNamed) found.push(n);
      return found;
    };
    expect(await named(app)).toEqual([10, 11]);
    expect(await named(other)).toEqual([11, 12]);
    expect(await named(repositoryOf("team/app", "ghcr.io"))).toEqual([]);
    expect(await named(repositoryOf("nobody/here"))).toEqual([]);
  });

  test("is the same however often a manifest is told", async () => {
    for (let times = 0; times < 3; times += 1)
      await inventory.addManifest(app, manifestOf(1, [10, 10, 10]));
    expect((await inventory.find(app, digestOf(10))).isNamed).toBe(true);
    expect(await inventory.usage()).toMatchObject({ manifests: 1, usedBytes: 500 });
  });

  test("holds a manifest of 100,000 names", async () => {
    const names = Array.from({ length: 100_000 }, (_, n) => n + 1000);
    await inventory.addManifest(app, manifestOf(1, names));
    expect((await inventory.find(app, digestOf(1000))).isNamed).toBe(true);
    expect((await inventory.find(app, digestOf(100_999))).isNamed).toBe(true);
    expect((await inventory.find(app, digestOf(101_000))).isNamed).toBe(false);
  });
});

async function isShown(n: number): Promise<boolean> {
  return (await inventory.find(app, digestOf(n))).isShown;
}

describe("what everybody was shown", () => {
  test("is what was had through a public repository, for good", async () => {
    await inventory.addManifest(app, manifestOf(1, [10, 11]));
    await inventory.addBlob(digestOf(10), { size: 1, isShown: true });
    await inventory.addBlob(digestOf(10), { size: 1, isShown: false });
    await inventory.addBlob(digestOf(11), { size: 1, isShown: false });
    expect([await isShown(10), await isShown(11)]).toEqual([true, false]);
    await inventory.addShown(digestOf(11));
    expect(await isShown(11)).toBe(true);
  });

  test("is nothing yet in an inventory that is older", async () => {
    const older = openSqlite();
    older.sql.exec(`CREATE TABLE content (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE,
      size INTEGER, stored_ms INTEGER, is_named INTEGER NOT NULL DEFAULT 0)`);
    older.sql.exec("INSERT INTO content (digest, is_named) VALUES (?, 1)", digestOf(10));
    for (let times = 0; times < 2; times += 1) inventory = createInventory(clock, older);
    expect(await isShown(10)).toBe(false);
    await inventory.addShown(digestOf(10));
    expect(await isShown(10)).toBe(true);
  });
});

test("a repository is new until it has a manifest", async () => {
  expect(await inventory.addManifest(app, manifestOf(1))).toEqual({ isNewRepository: true });
  expect(await inventory.addManifest(app, manifestOf(2))).toEqual({ isNewRepository: false });
  expect(await inventory.addTag(other, tagOf("1", 3, 0))).toBe(false);
  expect(await inventory.addManifest(other, manifestOf(3))).toEqual({ isNewRepository: true });
});

test("a tag tells whether its manifest is known", async () => {
  expect(await inventory.addTag(app, tagOf("1", 1, 0))).toBe(false);
  await inventory.addManifest(app, manifestOf(1));
  expect(await inventory.addTag(app, tagOf("1", 1, 0))).toBe(true);
  expect(await inventory.addTag(other, tagOf("1", 1, 0))).toBe(false);
});

test("bytes are those of manifests, tags and stored blobs, each once", async () => {
  await inventory.addManifest(app, manifestOf(1, [10]));
  expect((await inventory.usage()).usedBytes).toBe(500);
  await inventory.addTag(app, tagOf("1", 1, 500));
  await inventory.addTag(app, tagOf("1", 1, 0));
  await inventory.addTag(app, tagOf("1", 1, 300));
  expect((await inventory.usage()).usedBytes).toBe(800);
  await inventory.addBlob(digestOf(10), { size: 7000, isShown: false });
  await inventory.addBlob(digestOf(10), { size: 7000, isShown: false });
  await inventory.addBlob(digestOf(99), { size: 100, isShown: false });
  expect(await inventory.usage()).toEqual({
    usedBytes: 7900,
    manifests: 1,
    blobs: 2,
    evictedBytes: 0,
  });
});

test("a use is written once an hour, never moves back, and never lies in the future", async () => {
  await inventory.addManifest(app, manifestOf(1));
  const use = (timeMs: number) => inventory.use([{ key: app, digest: digestOf(1), timeMs }]);
  clock.now = NOON + 10 * HOUR;
  await use(NOON + HOUR - 1);
  expect(usedMs()).toBe(NOON);
  await use(NOON + 5 * HOUR);
  expect(usedMs()).toBe(NOON + 5 * HOUR);
  await use(NOON + 2 * HOUR);
  expect(usedMs()).toBe(NOON + 5 * HOUR);
  await use(NOON + 1000 * HOUR);
  expect(usedMs()).toBe(NOON + 10 * HOUR);
});

test("uses of what is not known come back", async () => {
  await inventory.addManifest(app, manifestOf(1));
  const uses = [1, 2].map((n) => ({ key: app, digest: digestOf(n), timeMs: NOON }));
  const elsewhere = { key: other, digest: digestOf(1), timeMs: NOON };
  expect(await inventory.use([...uses, elsewhere])).toEqual([uses[1], elsewhere]);
});

function tagOf(tag: string, n: number, heldBytes: number) {
  return { tag: tag as Tag, digest: digestOf(n), heldBytes };
}

function usedMs(): unknown {
  return sqlite.sql.exec("SELECT used_ms FROM manifest").toArray()[0]?.["used_ms"];
}
