import type { PullRecord } from "../contract/pull-log.ts";
import { HOUR_MS } from "../ledger/sums.ts";
import type { Activity } from "../page/status.ts";
import { type ApiDeps, readStats } from "./api.ts";

const TOP_IMAGES = 10;
const LATEST_PULLS = 20;
const DAY_MS = 24 * HOUR_MS;

/**
 * Reads what the status page shows of the log.
 *
 * @param tellWho - whether clients and the account are told by name: not where whoever may pull sees the page
 */
export async function readActivity(deps: ApiDeps, tellWho: boolean): Promise<Activity> {
  const now = deps.now();
  const untilMs = Math.ceil((now + 1) / HOUR_MS) * HOUR_MS;
  const { ledger } = deps;
  const [day, week, topImages, latest] = await Promise.all([
    readStats(deps, { sinceMs: untilMs - DAY_MS, untilMs }, "hour"),
    readStats(deps, { sinceMs: untilMs - 7 * DAY_MS, untilMs }, "day"),
    ledger.listCatalog({ after: null, limit: TOP_IMAGES, byUse: true }),
    ledger.listPulls({
      repository: null,
      digest: null,
      sinceMs: 0,
      untilMs: Number.MAX_SAFE_INTEGER,
      after: null,
      limit: LATEST_PULLS,
      newest: true,
    }),
  ]);
  const nobody = { address: "", userAgent: "" };
  const latestPulls = latest.pulls
    .toReversed()
    .map((pull): PullRecord => (tellWho ? pull : { ...pull, client: nobody }));
  const quotas = day.quotas.map(({ credential, quota }) => ({
    credential: tellWho || credential === "anonymous" ? credential : "the mirror's account",
    quota,
  }));
  // Neither the store's size nor since when the upstream fails is in the log.
  return { day, week, topImages, latestPulls, quotas, storage: null, upstream: null };
}
