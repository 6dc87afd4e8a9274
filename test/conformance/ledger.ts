import { beforeEach, describe, expect, test } from "vitest";
import type { Ledger } from "../../worker/ledger/ledger.ts";
import type { RepositoryName } from "../../worker/oci/repository.ts";
import type { Tag } from "../../worker/oci/tag.ts";
import {
  NOON,
  batch,
  blobOf,
  clientOf,
  digestOf,
  everything,
  fetchedOf,
  namesOf,
  pullOf,
} from "../helpers/ledger-events.ts";
import { describeBounds } from "./ledger-bounds.ts";

const HOUR = 3_600_000;
/** Long enough for every test but the one that is about it. */
const KEEP_MS = 30 * 24 * HOUR;

/** What each adapter must do; `create` makes an empty one. */
export function describeLedger(
  name: string,
  create: (options: { keepMs: number; now: () => number }) => Ledger,
): void {
  describeBounds(name, create);
  describe(`the ledger in ${name}`, () => {
    let ledger: Ledger;
    let now: number;
    beforeEach(() => {
      now = NOON;
      ledger = create({ keepMs: KEEP_MS, now: () => now });
    });

    test("is empty, and complete since it was begun", async () => {
      expect(await ledger.listPulls(everything)).toEqual({ completeSinceMs: NOON, pulls: [] });
      expect(await ledger.listCatalog({ after: null, limit: 10 })).toEqual([]);
      const sums = await ledger.sum({ sinceMs: 0, untilMs: NOON });
      expect(sums).toMatchObject({
        hours: [],
        quotas: [],
        upstreams: [],
        lost: 0,
        repositories: 0,
      });
      expect(sums.ever.pulls).toBe(0);
    });

    test("gives a pull back as it was told, and is complete since the first", async () => {
      await ledger.record(batch({ pulls: [pullOf({ timeMs: NOON - 500, counted: true })] }));
      const { completeSinceMs, pulls } = await ledger.listPulls(everything);
      expect(completeSinceMs).toBe(NOON - 500);
      expect(pulls).toEqual([
        {
          id: expect.any(String) as string,
          timeMs: NOON - 500,
          upstream: "docker.io",
          repository: "library/alpine",
          tag: "3",
          digest: digestOf(1),
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          outcome: "miss",
          counted: true,
          client: { address: "192.0.2.1", userAgent: "docker/29", token: "" },
          blobs: { hits: 0, misses: 0, bytes: 0 },
        },
      ]);
    });

    test("gives the newest pulls and the most pulled repositories where those are asked for", async () => {
      const busy = "team/busy" as RepositoryName;
      for (const at of [1, 2, 3])
        await ledger.record(batch({ pulls: [pullOf({ timeMs: NOON + at, repository: busy })] }));
      await ledger.record(batch({ pulls: [pullOf({ timeMs: NOON })] }));
      const { pulls } = await ledger.listPulls({ ...everything, limit: 2, newest: true });
      expect(pulls.map(({ timeMs }) => timeMs - NOON)).toEqual([2, 3]);
      const top = await ledger.listCatalog({ after: null, limit: 1, byUse: true });
      expect(top.map(({ repository }) => repository)).toEqual([busy]);
    });

    test("takes the same batch once, and the same pull in two batches twice", async () => {
      const told = batch({ pulls: [pullOf({})], fetched: [fetchedOf({ bytes: 7 })] });
      await ledger.record(told);
      await ledger.record(structuredClone(told));
      expect((await ledger.listPulls(everything)).pulls).toHaveLength(1);
      expect((await ledger.sum({ sinceMs: 0, untilMs: 0 })).ever.bytesFetched).toBe(7);
      await ledger.record({ ...told, id: "another" });
      expect((await ledger.listPulls(everything)).pulls).toHaveLength(2);
    });

    test("orders by time, whatever order batches come in, and pages without gap or overlap", async () => {
      for (const at of [5, 3, 9, 1, 7, 3, 3])
        await ledger.record(batch({ pulls: [pullOf({ timeMs: NOON + at })] }));
      const seen: string[] = [];
      const order: number[] = [];
      let after: string | null = null;
      for (;;) {
        const { pulls } = await ledger.listPulls({ ...everything, after, limit: 2 });
        if (pulls.length === 0) break;
        for (const { id, timeMs } of pulls) {
          seen.push(id);
          order.push(timeMs - NOON);
        }
        after = pulls.at(-1)!.id;
        // Pulls go on meanwhile, newest last.
        if (seen.length === 4)
          await ledger.record(batch({ pulls: [pullOf({ timeMs: NOON + 20 })] }));
      }
      expect(order).toEqual([1, 3, 3, 3, 5, 7, 9, 20]);
      expect(new Set(seen).size).toBe(8);
    });

    test("filters by repository, digest and time, since inclusive and until exclusive", async () => {
      const other = "team/app" as RepositoryName;
      await ledger.record(
        batch({
          pulls: [
            pullOf({ timeMs: NOON }),
            pullOf({ timeMs: NOON + 1, repository: other }),
            pullOf({ timeMs: NOON + 2, digest: digestOf(2) }),
          ],
        }),
      );
      const times = async (wanted: object): Promise<number[]> =>
        (await ledger.listPulls({ ...everything, ...wanted })).pulls.map((p) => p.timeMs - NOON);
      expect(await times({ repository: { upstream: "docker.io", repository: other } })).toEqual([
        1,
      ]);
      expect(await times({ digest: digestOf(1) })).toEqual([0, 1]);
      expect(
        await times({
          digest: digestOf(2),
          repository: { upstream: "docker.io", repository: other },
        }),
      ).toEqual([]);
      expect(await times({ sinceMs: NOON + 1, untilMs: NOON + 2 })).toEqual([1]);
      expect(await times({ limit: 1 })).toEqual([0]);
    });

    test("tells clients of one address and one program apart by their tokens", async () => {
      const [shop, ops] = ["shop", "acme/ops"].map((token) => ({ ...clientOf("docker"), token }));
      await ledger.record(
        batch({
          manifests: [namesOf({ blobs: [{ digest: digestOf(7), size: 70 }] })],
          pulls: [
            pullOf({ timeMs: NOON, client: shop! }),
            pullOf({ timeMs: NOON + 1, client: ops! }),
            pullOf({ timeMs: NOON + 2, client: clientOf("docker") }),
          ],
          blobs: [blobOf({ client: shop!, hits: 1 }), blobOf({ client: ops!, hits: 2 })],
        }),
      );
      const { pulls } = await ledger.listPulls(everything);
      expect(pulls.map(({ client, blobs }) => [client.token, blobs.hits])).toEqual([
        ["shop", 1],
        ["acme/ops", 2],
        ["", 0],
      ]);
    });

    test("adds blobs to the newest pull that names them, the same client's first", async () => {
      const [mine, other] = [clientOf("mine"), clientOf("other")];
      await ledger.record(
        batch({
          manifests: [namesOf({ blobs: [{ digest: digestOf(7), size: 70 }] })],
          pulls: [
            pullOf({ timeMs: NOON, client: mine }),
            pullOf({ timeMs: NOON + 1, client: mine }),
            pullOf({ timeMs: NOON + 2, client: other }),
          ],
          blobs: [blobOf({ client: mine, hits: 2, bytes: 140 })],
        }),
      );
      await ledger.record(batch({ blobs: [blobOf({ client: mine, misses: 1, bytes: 1 })] }));
      await ledger.record(batch({ blobs: [blobOf({ client: clientOf("nobody"), hits: 3 })] }));
      await ledger.record(batch({ blobs: [blobOf({ digest: digestOf(8), hits: 5 })] }));
      const { pulls } = await ledger.listPulls(everything);
      expect(pulls.map(({ blobs }) => blobs)).toEqual([
        { hits: 0, misses: 0, bytes: 0 },
        { hits: 2, misses: 1, bytes: 141 },
        { hits: 3, misses: 0, bytes: 0 },
      ]);
      // What no pull is known for is in the totals all the same.
      const { ever } = await ledger.sum({ sinceMs: 0, untilMs: 0 });
      expect(ever).toMatchObject({ blobHits: 10, blobMisses: 1 });
    });

    test("counts a repository's hits, misses, first and last pull, and each blob's bytes once", async () => {
      await ledger.record(
        batch({
          manifests: [namesOf({ blobs: [named(7, 70), named(8, 80), named(7, 70)] })],
          pulls: [pullOf({ timeMs: NOON }), pullOf({ timeMs: NOON + 1, outcome: "hit" })],
        }),
      );
      await ledger.record(
        batch({
          // The first is told again by another isolate; the second shares a blob.
          manifests: [
            namesOf({ blobs: [named(7, 70), named(8, 80)] }),
            namesOf({ digest: digestOf(2), blobs: [named(8, 80), named(9, 90)] }),
          ],
          pulls: [
            pullOf({ timeMs: NOON + 2, outcome: "stale" }),
            pullOf({ timeMs: NOON - 9, outcome: "revalidated", digest: digestOf(2), tag: null }),
          ],
        }),
      );
      const [entry] = await ledger.listCatalog({ after: null, limit: 10 });
      expect(entry).toMatchObject({
        upstream: "docker.io",
        repository: "library/alpine",
        bytes: 500 + 500 + 70 + 80 + 90,
        firstPullMs: NOON - 9,
        lastPullMs: NOON + 2,
        hits: 3,
        misses: 1,
      });
    });

    test("knows tags by pulls and by HEADs, and when each came to its digest", async () => {
      await ledger.record(batch({ pulls: [pullOf({ timeMs: NOON })] }));
      await ledger.record(batch({ pulls: [pullOf({ timeMs: NOON + 5 })] }));
      const seen = { upstream: "docker.io", repository: "library/alpine" as RepositoryName };
      await ledger.record(
        batch({
          tags: [
            { ...seen, tag: "3" as Tag, digest: digestOf(2), timeMs: NOON + 9 },
            { ...seen, tag: "4" as Tag, digest: digestOf(4), timeMs: NOON + 9 },
          ],
        }),
      );
      // A batch that comes late does not move the tag back.
      await ledger.record(batch({ pulls: [pullOf({ timeMs: NOON + 7 })] }));
      const ids = [1, 2, 4].map((n) => ({ ...seen, digest: digestOf(n) }));
      const elsewhere = { ...seen, upstream: "ghcr.io", digest: digestOf(4) };
      expect(await ledger.findTags([...ids, elsewhere])).toEqual([null, "3", "4", null]);
      const [entry] = await ledger.listCatalog({ after: null, limit: 10 });
      const [moved, fresh] = entry?.tags ?? [];
      const times = { storedAtMs: NOON + 9, lastSeenMs: NOON + 9 };
      expect(moved).toEqual({ tag: "3", digest: digestOf(2), lastPullMs: NOON + 7, ...times });
      expect(fresh).toEqual({ tag: "4", digest: digestOf(4), lastPullMs: null, ...times });
    });

    test("lists the catalog by upstream and name, in pages", async () => {
      const names = ["b/x", "a", "b/a", "c"].map((name) => name as RepositoryName);
      await ledger.record(batch({ pulls: names.map((repository) => pullOf({ repository })) }));
      await ledger.record(batch({ pulls: [pullOf({ upstream: "another.io" })] }));
      const first = await ledger.listCatalog({ after: null, limit: 2 });
      const second = await ledger.listCatalog({ after: first.at(-1)!, limit: 2 });
      const third = await ledger.listCatalog({ after: second.at(-1)!, limit: 2 });
      const listed = [...first, ...second, ...third];
      expect(listed.map((id) => `${id.upstream}/${id.repository}`)).toEqual([
        "another.io/library/alpine",
        "docker.io/a",
        "docker.io/b/a",
        "docker.io/b/x",
        "docker.io/c",
      ]);
    });

    test("sums by hour, and for ever", async () => {
      await ledger.record(
        batch({
          pulls: [
            pullOf({ timeMs: NOON - 1, counted: true }),
            pullOf({ timeMs: NOON, outcome: "hit" }),
            pullOf({ timeMs: NOON + 1, outcome: "stale" }),
          ],
          blobs: [blobOf({ timeMs: NOON, hits: 1, misses: 2, bytes: 30 })],
          fetched: [fetchedOf({ timeMs: NOON - 1, bytes: 7 })],
        }),
      );
      const { hours, ever } = await ledger.sum({ sinceMs: NOON, untilMs: NOON + HOUR });
      expect(hours).toEqual([
        {
          startMs: NOON,
          pulls: 2,
          hits: 1,
          revalidated: 0,
          stale: 1,
          misses: 0,
          bytesServed: 1030,
          bytesFetched: 0,
          upstreamPulls: 0,
          blobHits: 1,
          blobMisses: 2,
        },
      ]);
      expect(ever).toMatchObject({ pulls: 3, misses: 1, upstreamPulls: 1 });
      expect(ever).toMatchObject({ bytesFetched: 507, bytesServed: 1530 });
    });

    test("is complete only after what was lost, and after what was dropped for its age", async () => {
      await ledger.record(batch({ pulls: [pullOf({ timeMs: NOON })] }));
      await ledger.record(batch({ lost: { count: 4, lastMs: NOON + 50 } }));
      expect((await ledger.listPulls(everything)).completeSinceMs).toBe(NOON + 51);
      expect((await ledger.sum({ sinceMs: 0, untilMs: 0 })).lost).toBe(4);

      now = NOON + KEEP_MS + 1000;
      await ledger.record(batch({ pulls: [pullOf({ timeMs: now })] }));
      const { completeSinceMs, pulls } = await ledger.listPulls(everything);
      expect(completeSinceMs).toBe(NOON + 1000);
      expect(pulls.map(({ timeMs }) => timeMs)).toEqual([now]);
      // Totals are kept.
      expect((await ledger.sum({ sinceMs: 0, untilMs: 0 })).ever.pulls).toBe(2);
    });

    test("takes any text", async () => {
      const userAgent = `"';DROP TABLE pull;--\r\n<script>\ud800é😀${"x".repeat(10_000)}`;
      await ledger.record(
        batch({ pulls: [pullOf({ client: { address: "'\"", userAgent, token: "" } })] }),
      );
      const { pulls } = await ledger.listPulls(everything);
      expect(pulls[0]?.client.address).toBe("'\"");
      expect(pulls[0]?.client.userAgent).toContain("DROP TABLE pull;--");
    });
  });
}

function named(n: number, size: number) {
  return { digest: digestOf(n), size };
}
