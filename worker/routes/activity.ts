import { HOUR_MS } from "../ledger/sums.ts";
import type { Activity } from "../page/status.ts";
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
  const pulls = latest.pulls.toReversed().map(describePull);
  const tags = await ledger.findTags(
    pulls.map(({ upstream, repository, digest }) => ({ upstream, repository, digest })),
  );
  const latestPulls = pulls.map((pull, at) => ({ ...pull, knownTag: tags[at] ?? null }));
  const { completeSinceMs } = latest;
  return { day, week, topImages, latestPulls, completeSinceMs, storage };
}
