import type { PullRecord } from "../contract/pull-log.ts";
import { DOCKER_HUB } from "../oci/reference.ts";
import { HOUR_MS } from "../ledger/sums.ts";
import type { Activity, UpstreamHealth } from "../page/status.ts";
import { type ApiDeps, describePull, readStats } from "./api.ts";

const TOP_IMAGES = 10;
const LATEST_PULLS = 20;
const DAY_MS = 24 * HOUR_MS;

/** Reads what the status page shows of the log. */
export async function readActivity(deps: ApiDeps): Promise<Activity> {
  const now = deps.now();
  const untilMs = Math.ceil((now + 1) / HOUR_MS) * HOUR_MS;
  const { ledger } = deps;
  const [day, week, topImages, latest, storage] = await Promise.all([
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
    deps.storage(),
  ]);
  const latestPulls = latest.pulls.toReversed().map(describePull);
  const { quotas } = day;
  const upstream = readHealth(latestPulls, quotas);
  return { day, week, topImages, latestPulls, quotas, storage, upstream };
}

/**
 * Tells from the newest pulls that asked the upstream how it answers. Why it failed is not in the log.
 *
 * @param pulls - newest first
 */
function readHealth(
  pulls: readonly PullRecord[],
  quotas: Activity["quotas"],
): UpstreamHealth | null {
  const asked = pulls.filter(
    ({ outcome, upstream }) => outcome !== "hit" && upstream === DOCKER_HUB,
  );
  const answered = asked.find(({ outcome }) => outcome !== "stale")?.timeMs ?? 0;
  const seen = Math.max(
    answered,
    ...quotas.map(({ quota, upstream = DOCKER_HUB }) =>
      upstream === DOCKER_HUB ? (quota?.seenAtMs ?? 0) : 0,
    ),
  );
  const stale = asked.filter(({ outcome, timeMs }) => outcome === "stale" && timeMs > seen);
  const sinceMs = stale.at(-1)?.timeMs;
  if (seen === 0 && sinceMs === undefined) return null;
  return {
    name: DOCKER_HUB,
    answeredAtMs: seen === 0 ? null : seen,
    failure: sinceMs === undefined ? null : { kind: "away", sinceMs },
  };
}
