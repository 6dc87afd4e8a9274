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
  namesOf,
  pullOf,
} from "../helpers/ledger-events.ts";

const DAY = 24 * 3_600_000;
const KEEP_MS = 30 * DAY;

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
  });
}
