import { expect, it } from "vitest";
import { checkQuota } from "../../../bot/doctor/insight.ts";
import { parseMirror } from "../../../bot/files/mirror.ts";
import { MirrorClient } from "../../../bot/mirror/client.ts";
import type { Stats } from "../../../worker/contract/stats.ts";
import { startFakeMirror } from "../../helpers/fake-mirror.ts";
import { must } from "../verify/world.ts";
import { closing } from "./run.ts";

const HOUR_MS = 3_600_000;
const COUNTS = {
  pulls: 0,
  hits: 0,
  revalidated: 0,
  stale: 0,
  misses: 0,
  bytesServed: 0,
  bytesFetched: 0,
  upstreamPulls: 0,
};

type Told = Stats["quotas"][number];

/** A registry's word on its limit of 100, so many hours ago. */
function told(
  credential: string,
  remaining: number,
  more: Partial<Told> & { hours?: number },
): Told {
  const { hours = 0, ...rest } = more;
  const seenAtMs = Date.now() - hours * HOUR_MS - 1000;
  const quota = { limit: 100, remaining, windowSeconds: 21_600, seenAtMs };
  return { upstream: "docker.io", credential, quota, ...rest };
}

async function examine(quotas: Stats["quotas"]) {
  const stats: Stats = {
    sinceMs: 0,
    untilMs: 1,
    step: "hour",
    totals: COUNTS,
    buckets: [],
    quotas,
  };
  const mirror = await startFakeMirror({ stats });
  closing(() => mirror.close());
  return await checkQuota(new MirrorClient(must(parseMirror(mirror.url)), null), false);
}

it.each<{ what: string; quotas: Told[]; status: string; detail: string }>([
  {
    what: "Docker Hub's, whatever another registry has left",
    quotas: [told("anonymous", 1, { upstream: "quay.io" }), told("acme", 80, {})],
    status: "ok",
    detail: "80 of 100 pulls left at Docker Hub in 6 h (acme)",
  },
  {
    what: "that of the account in use, whatever an earlier one had left",
    quotas: [told("old", 0, { hours: 1 }), told("acme", 80, {})],
    status: "ok",
    detail: "80 of 100 pulls left at Docker Hub in 6 h (acme)",
  },
  {
    what: "none whose window has passed",
    quotas: [told("acme", 0, { hours: 7 })],
    status: "ok",
    detail: "Docker Hub has told no limit lately, or there is none",
  },
  {
    what: "none of an earlier account where the one in use was told none",
    quotas: [told("old", 0, { hours: 1 }), { credential: "acme", quota: null }],
    status: "ok",
    detail: "Docker Hub has told no limit lately, or there is none",
  },
  {
    what: "one that is low by the mirror's own measure",
    quotas: [told("acme", 40, { warnBelow: 50 })],
    status: "warning",
    detail: "40 of 100 pulls left at Docker Hub in 6 h (acme)",
  },
  {
    what: "one that is not, by the mirror's own measure",
    quotas: [told("acme", 8, { warnBelow: 5 })],
    status: "ok",
    detail: "8 of 100 pulls left at Docker Hub in 6 h (acme)",
  },
  {
    what: "one that is low where the mirror has no measure",
    quotas: [told("anonymous", 10, {})],
    status: "warning",
    detail: "10 of 100 pulls left at Docker Hub in 6 h (anonymous)",
  },
])("looks at $what", { timeout: 15_000 }, async ({ quotas, status, detail }) => {
  expect(await examine(quotas)).toMatchObject({ status, detail });
});
