import { beforeEach, describe, expect, test } from "vitest";
import type { CatalogRow, Ledger, PullsPage, SeenTag } from "../../worker/ledger/ledger.ts";
import type { RepositoryName } from "../../worker/oci/repository.ts";
import type { Tag } from "../../worker/oci/tag.ts";
import {
  NOON,
  batch,
  blobOf,
  clientOf,
  digestOf,
  everything,
  namesOf,
  pullOf,
} from "../helpers/ledger-events.ts";

const DAY = 24 * 3_600_000;
const KEEP_MS = 30 * DAY;
/** After the usual one in order of names. */
const other = "team/other" as RepositoryName;

/** What each adapter must do with what is large, much or old; `create` makes an empty one. */
export function describeBounds(
  name: string,
  create: (options: { keepMs: number; now: () => number }) => Ledger,
): void {
  describe(`the bounds of the ledger in ${name}`, () => {
    let ledger: Ledger;
    let now: number;
    beforeEach(() => {
      now = NOON;
      ledger = create({ keepMs: KEEP_MS, now: () => now });
    });

    test("takes a manifest of 40,000 blobs, and each of them once", async () => {
      const blobs = Array.from({ length: 40_000 }, (_, n) => ({
        digest: digestOf(n + 1000),
        size: 10,
      }));
      const wide = namesOf({ blobs: [...blobs, ...blobs] });
      await ledger.record(batch({ manifests: [wide], pulls: [pullOf({})] }));
      await ledger.record(batch({ blobs: [blobOf({ digest: digestOf(40_999), hits: 1 })] }));
      const { pulls } = await ledger.listPulls(everything);
      expect(pulls.map(({ blobs }) => blobs.hits)).toEqual([1]);
      const [entry] = await ledger.listCatalog({ after: null, limit: 1 });
      expect(entry?.bytes).toBe(500 + 400_000);
    });

    test("takes a batch of thousands of long names, clients and tags", async () => {
      const pulls = Array.from({ length: 4_000 }, (_, n) => {
        const repository = `${"r".repeat(240)}/${n}` as RepositoryName;
        const tag = `${n}-`.padEnd(128, "t") as Tag;
        const client = { ...clientOf(`${n} ${"é".repeat(500)}`), address: String(n) };
        return pullOf({ timeMs: NOON + n, digest: digestOf(n), repository, tag, client });
      });
      const tags = pulls.map((pull) => ({ ...pull, tag: `x${pull.tag!.slice(1)}` as Tag }));
      await ledger.record(batch({ pulls, tags }));
      const found = (await ledger.listPulls({ ...everything, limit: 5_000 })).pulls;
      expect(found.map(({ tag, client }) => [tag, client.address])).toEqual(
        pulls.map(({ tag, client }) => [tag, client.address]),
      );
      const { repositories } = await ledger.sum({ sinceMs: 0, untilMs: 0 });
      expect(repositories).toBe(4_000);
    });

    test("forgets what a manifest named with its last pull, and keeps what is counted for ever", async () => {
      const [first, second] = [
        namesOf({ blobs: [named(7, 70), named(8, 80)] }),
        namesOf({ digest: digestOf(2), blobs: [named(8, 80), named(9, 90)] }),
      ];
      const moved = pullOf({ timeMs: NOON + DAY, digest: digestOf(2), outcome: "hit" });
      await ledger.record(batch({ manifests: [first], pulls: [pullOf({})] }));
      await ledger.record(batch({ manifests: [second], pulls: [moved] }));
      expect(await bytes()).toBe(500 + 500 + 70 + 80 + 90);

      now = NOON + KEEP_MS + 1;
      await ledger.record(batch({ pulls: [{ ...moved, timeMs: now }] }));
      expect(await bytes()).toBe(500 + 80 + 90);

      now += KEEP_MS + DAY;
      await ledger.record(batch({ pulls: [pullOf({ timeMs: now, repository: other })] }));
      const [entry] = await ledger.listCatalog({ after: null, limit: 1 });
      expect(entry).toEqual({
        upstream: "docker.io",
        repository: "library/alpine",
        tags: [],
        tagsOmitted: 0,
        bytes: 0,
        firstPullMs: NOON,
        lastPullMs: NOON + KEEP_MS + 1,
        hits: 2,
        misses: 1,
      });

      // Told again, it is known again.
      await ledger.record(batch({ manifests: [first], pulls: [pullOf({ timeMs: now })] }));
      expect(await bytes()).toBe(500 + 70 + 80);
    });

    test("drops as much as a batch brings, however large the manifests that go", async () => {
      const wide = Array.from({ length: 4 }, (_, n) => {
        const blobs = Array.from({ length: 15_000 }, (__, at) => named(at + n * 5_000 + 1000, 1));
        return namesOf({ digest: digestOf(n), blobs });
      });
      const pulls = wide.map(({ digest }) => pullOf({ digest, tag: null }));
      for (const [at, manifest] of wide.entries())
        await ledger.record(batch({ manifests: [manifest], pulls: [pulls[at]!] }));
      expect(await bytes()).toBe(4 * 500 + 30_000);
      now = NOON + KEEP_MS + 1;
      for (let times = 0; times < 4; times += 1)
        await ledger.record(batch({ pulls: [pullOf({ timeMs: now, repository: other })] }));
      expect(await bytes()).toBe(0);
      expect((await ledger.listPulls(everything)).pulls).toHaveLength(4);
    });

    test("gives no pull that is too old, though nothing came to drop it", async () => {
      const pulls = [0, 1, 2].map((at) => pullOf({ timeMs: NOON + at }));
      await ledger.record(batch({ pulls }));
      now = NOON + KEEP_MS + 1;
      const { pulls: left, completeSinceMs } = await ledger.listPulls(everything);
      expect(left.map(({ timeMs }) => timeMs - NOON)).toEqual([1, 2]);
      expect(completeSinceMs).toBe(NOON + 1);
      const later = { ...everything, sinceMs: NOON + 2 };
      expect((await ledger.listPulls(later)).pulls).toHaveLength(1);
      const [entry] = await ledger.listCatalog({ after: null, limit: 1 });
      expect(entry).toMatchObject({ tags: [{ tag: "3" }], misses: 3 });
    });

    test("adds blobs to the client's own pull, however many manifests share the layer", async () => {
      const [mine, theirs] = [clientOf("mine"), clientOf("theirs")];
      for (let n = 1; n <= 20; n += 1) {
        const shared = namesOf({ digest: digestOf(n), blobs: [named(7, 70), named(100 + n, 10)] });
        const client = n === 1 ? mine : theirs;
        const pull = pullOf({ timeMs: NOON + n, digest: digestOf(n), client });
        await ledger.record(batch({ manifests: [shared], pulls: [pull] }));
      }
      await ledger.record(
        batch({
          blobs: [
            blobOf({ client: mine, hits: 1, timeMs: NOON + 30 }),
            blobOf({ client: theirs, hits: 2, timeMs: NOON + 30 }),
            blobOf({ client: theirs, digest: digestOf(105), hits: 4, timeMs: NOON + 30 }),
            blobOf({ client: clientOf("nobody"), digest: digestOf(103), hits: 8 }),
          ],
        }),
      );
      const { pulls } = await ledger.listPulls(everything);
      const hits = Object.fromEntries(pulls.map(({ blobs }, at) => [at + 1, blobs.hits]));
      expect(hits).toMatchObject({ 1: 1, 3: 8, 5: 4, 20: 2 });
      expect(pulls.reduce((sum, { blobs }) => sum + blobs.hits, 0)).toBe(15);
    });

    test("pages through a digest of several repositories, either way", async () => {
      const names = ["team/a", "team/b", "team/c"].map((text) => text as RepositoryName);
      const pulls = Array.from({ length: 30 }, (_, n) => {
        const repository = names[n % 3 === 0 ? 0 : (n % 2) + 1]!;
        // Several at one time.
        return pullOf({ timeMs: NOON + Math.floor(n / 4), repository });
      });
      for (const pull of pulls) await ledger.record(batch({ pulls: [pull] }));
      await ledger.record(
        batch({ pulls: [pullOf({ digest: digestOf(2), repository: names[0]! })] }),
      );
      const { pulls: all } = await ledger.listPulls(everything);
      const wanted = { ...everything, digest: digestOf(1) };
      const named = all.filter(({ digest }) => digest === digestOf(1));
      const walked: string[] = [];
      for (let after: string | null = null; ;) {
        const page: PullsPage = await ledger.listPulls({ ...wanted, after, limit: 4 });
        if (page.pulls.length === 0) break;
        walked.push(...page.pulls.map(({ id }) => id));
        after = page.pulls.at(-1)!.id;
      }
      expect(walked).toEqual(named.map(({ id }) => id));
      const newest = await ledger.listPulls({ ...wanted, limit: 7, newest: true });
      expect(newest.pulls).toEqual(named.slice(-7));
      const repository = { upstream: "docker.io", repository: names[1]! };
      const one = await ledger.listPulls({ ...wanted, repository, limit: 3 });
      expect(one.pulls).toEqual(named.filter((p) => p.repository === names[1]).slice(0, 3));
      const nowhere = { upstream: "ghcr.io", repository: names[1]! };
      expect((await ledger.listPulls({ ...wanted, repository: nowhere })).pulls).toEqual([]);
    });

    test("lists the tags that were asked for within the log's time, the last 200 of them", async () => {
      const many = Array.from({ length: 250 }, (_, n) => seen(NOON + n, `1.${1000 + n}`));
      await ledger.record(batch({ tags: many, pulls: [pullOf({ timeMs: NOON })] }));
      const [full] = await ledger.listCatalog({ after: null, limit: 1 });
      expect(full?.tagsOmitted).toBe(51);
      expect(full?.tags.map(({ tag }) => tag)).toEqual(many.slice(50).map(({ tag }) => tag));

      now = NOON + KEEP_MS + 240;
      await ledger.record(batch({ tags: [seen(now, "1.1001")] }));
      const [entry] = await ledger.listCatalog({ after: null, limit: 1 });
      expect(entry?.tagsOmitted).toBe(0);
      expect(entry?.tags.map(({ tag }) => tag)).toEqual([
        "1.1001",
        ...many.slice(240).map(({ tag }) => tag),
      ]);
    });

    test("ends a page of the catalog early where there are many tags, and lists none by use", async () => {
      const names = Array.from({ length: 230 }, (_, n) => `team/${1000 + n}` as RepositoryName);
      const tags = names
        .slice(0, 220)
        .flatMap((repository, at) =>
          Array.from({ length: 150 }, (_, n) => ({ ...seen(NOON, `${at}.${n}`), repository })),
        );
      await ledger.record(batch({ tags }));
      await ledger.record(batch({ pulls: names.map((repository) => pullOf({ repository })) }));
      const walked: string[] = [];
      const sizes: number[] = [];
      for (let after: CatalogRow | null = null; ;) {
        const page: readonly CatalogRow[] = await ledger.listCatalog({ after, limit: 1_000 });
        if (page.length === 0) break;
        sizes.push(page.reduce((sum, row) => sum + row.tags.length, 0));
        walked.push(...page.map(({ repository }) => repository));
        after = page.at(-1)!;
      }
      expect(walked).toEqual(names);
      expect(sizes.length).toBe(2);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(20_000);
      const top = await ledger.listCatalog({ after: null, limit: 10, byUse: true });
      expect(top.map((row) => row.tags)).toEqual(Array.from({ length: 10 }, () => []));
    });

    async function bytes(): Promise<number | undefined> {
      return (await ledger.listCatalog({ after: null, limit: 1 }))[0]?.bytes;
    }
  });
}

/** A tag that was asked for by HEAD. */
function seen(timeMs: number, tag: string): SeenTag {
  const { upstream, repository, digest } = pullOf({});
  return { upstream, repository, digest, timeMs, tag: tag as Tag };
}

function named(n: number, size: number) {
  return { digest: digestOf(n), size };
}
