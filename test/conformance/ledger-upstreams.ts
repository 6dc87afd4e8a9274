import { beforeEach, describe, expect, test } from "vitest";
import { BatchBuilder } from "../../worker/ledger/batch.ts";
import type { Ledger } from "../../worker/ledger/ledger.ts";
import type { Tag } from "../../worker/oci/tag.ts";
import { NOON, batch, fetchedOf, pullOf } from "../helpers/ledger-events.ts";

const HOUR = 3_600_000;

/** What each adapter must tell of the registries; `create` makes an empty one. */
export function describeLedgerOfUpstreams(name: string, create: () => Ledger): void {
  describe(`the ledger in ${name}, of its upstreams`, () => {
    let ledger: Ledger;
    beforeEach(() => {
      ledger = create();
    });

    test("keeps the newest quota of each credential", async () => {
      const quota = { credential: "anonymous", limit: 100, windowSeconds: 21600 };
      const newer = { ...quota, remaining: 5, seenAtMs: 2 };
      await ledger.record(batch({ quotas: [newer] }));
      const older = { ...quota, remaining: 9, seenAtMs: 1 };
      await ledger.record(batch({ quotas: [older] }));
      const { quotas } = await ledger.sum({ sinceMs: 0, untilMs: 0 });
      expect(quotas.map((seen) => ({ ...seen }))).toEqual([newer]);
    });

    test("sums what came through each upstream apart, in a span and for ever", async () => {
      const other = { upstream: "ghcr.io" };
      await ledger.record(
        batch({
          pulls: [
            pullOf({ timeMs: NOON - 1, counted: true }),
            pullOf({ timeMs: NOON, counted: true }),
            pullOf({ timeMs: NOON + 1, outcome: "hit" }),
            pullOf({ timeMs: NOON + 2, counted: true, ...other }),
          ],
        }),
      );
      await ledger.record(batch({ pulls: [pullOf({ timeMs: NOON + 3, outcome: "stale" })] }));
      await ledger.record(batch({ fetched: [fetchedOf({ bytes: 9 })] }));
      await ledger.record(batch({ fetched: [fetchedOf({ bytes: 5, counted: true })] }));
      const { upstreams, hours } = await ledger.sum({ sinceMs: NOON, untilMs: NOON + HOUR });
      expect(hours).toMatchObject([{ upstreamPulls: 3, bytesFetched: 1000 + 9 + 5 }]);
      expect(upstreams.map(({ upstream, span, ever }) => [upstream, span, ever])).toEqual([
        ["docker.io", { pulls: 3, misses: 1, counted: 2 }, { pulls: 4, misses: 2, counted: 3 }],
        ["ghcr.io", { pulls: 1, misses: 1, counted: 1 }, { pulls: 1, misses: 1, counted: 1 }],
      ]);
    });

    test("counts a repository once it is pulled, and not for a HEAD", async () => {
      const count = async () => (await ledger.sum({ sinceMs: 0, untilMs: 0 })).repositories;
      const { upstream, repository, digest } = pullOf({});
      const head = { upstream, repository, digest, tag: "3" as Tag, timeMs: NOON };
      await ledger.record(batch({ tags: [head] }));
      expect(await count()).toBe(0);
      const other = pullOf({ upstream: "ghcr.io", outcome: "hit" });
      await ledger.record(batch({ tags: [head], pulls: [pullOf({}), pullOf({}), other] }));
      expect(await count()).toBe(2);
      await ledger.record(batch({ pulls: [pullOf({ outcome: "hit" }), other] }));
      expect(await count()).toBe(2);
    });

    test("counts each upstream's failures, and knows since when it fails and when it last was well", async () => {
      const seen = async (upstream: string, ...told: readonly [string, number][]) => {
        const builder = new BatchBuilder();
        for (const [what, at] of told)
          if (what === "well" || what === "full")
            builder.answered(upstream, { timeMs: NOON + at, isAllowed: what === "well" });
          else builder.failure(upstream, { timeMs: NOON + at, kind: what });
        await ledger.record(builder.build(`seen-${upstream}-${told.join()}`, null));
      };
      await seen("docker.io", ["timeout", 1], ["well", 2], ["timeout", 3]);
      await seen("docker.io", ["timeout", 4], ["unreachable", 5]);
      await seen("ghcr.io", ["rate-limited", 1], ["full", 2]);
      await seen("ghcr.io", ["rate-limited", 3]);
      // A batch that comes late.
      await seen("docker.io", ["well", 0], ["timeout", 2]);
      const { upstreams } = await ledger.sum({ sinceMs: 0, untilMs: 0 });
      expect(
        upstreams.map(({ failures, span: _span, ever: _ever, ...rest }) => [
          rest,
          failures.map((one) => ({ ...one })),
        ]),
      ).toEqual([
        [
          { upstream: "docker.io", answeredMs: NOON + 2, allowedMs: NOON + 2 },
          [failed("timeout", 4, [3, 4]), failed("unreachable", 1, [5, 5])],
        ],
        [
          { upstream: "ghcr.io", answeredMs: NOON + 2, allowedMs: 0 },
          [failed("rate-limited", 2, [1, 3])],
        ],
      ]);
      await seen("docker.io", ["well", 9], ["timeout", 10]);
      const [hub] = (await ledger.sum({ sinceMs: 0, untilMs: 0 })).upstreams;
      expect(hub?.failures[0]).toEqual(failed("timeout", 5, [10, 10]));
    });
  });
}

function failed(kind: string, count: number, [since, last]: [number, number]) {
  return { kind, count, sinceMs: NOON + since, lastMs: NOON + last };
}
