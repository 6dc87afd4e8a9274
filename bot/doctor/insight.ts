import type { Stats } from "../../worker/contract/stats.ts";
import { DOCKER_HUB } from "../../worker/oci/reference.ts";
import { MirrorError } from "../mirror/errors.ts";
import type { MirrorClient } from "../mirror/client.ts";
import type { Finding } from "./check.ts";
import { type Prober, ProbeError, quoted } from "./probe.ts";
import type { Target } from "./target.ts";

/** A tenth of the limit, where the mirror does not say what is worth a warning. */
const LOW_SHARE = 0.1;
const HOUR_MS = 3_600_000;
/** Half a minute: beyond it log times of the mirror and of jobs are hard to join. */
const MAX_SKEW_MS = 30_000;
/** Together 4 s: batches go after 2. */
const QUOTA_TRIES = 9;
const QUOTA_WAIT_MS = 500;
const MAX_METRICS = 4 * 1024 * 1024;

/** What is left of Docker Hub's limit, as the mirror last heard it. */
export async function checkQuota(client: MirrorClient, hasToken: boolean): Promise<Finding> {
  try {
    const stats = await readStats(client);
    if (stats === null)
      return {
        status: "unknown",
        detail: "this mirror has no API of Tidepool's, and does not tell",
      };
    return judgeQuota(findQuota(stats.quotas, Date.now()));
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    return withoutApi(error, hasToken);
  }
}

/** The mirror writes its records in batches a moment after the answers: what the test pull told may come late. */
async function readStats(client: MirrorClient): Promise<Stats | null> {
  for (let tries = 1; ; tries += 1) {
    const now = Date.now();
    const stats = await client.stats({ since: now - HOUR_MS, until: now });
    const isTold = stats === null || findQuota(stats.quotas, now) !== null;
    if (isTold || tries >= QUOTA_TRIES) return stats;
    await new Promise((resolve) => setTimeout(resolve, QUOTA_WAIT_MS));
  }
}

type Told = Stats["quotas"][number];
/** A limit that counts now. */
type Limit = Omit<Told, "quota"> & { readonly quota: NonNullable<Told["quota"]> };

/**
 * Docker Hub's limit for the account in use: other registries have limits of their own, and rows of earlier accounts stay.
 *
 * @returns `null` where it was not told yet, or so long ago that its window has passed
 */
function findQuota(quotas: Stats["quotas"], now: number): Limit | null {
  const hubs = quotas.filter(({ upstream = DOCKER_HUB }) => upstream === DOCKER_HUB);
  // The mirror lists the account in use even where nothing is known of it, and no other one so.
  if (hubs.some(({ quota }) => quota === null)) return null;
  const limits = hubs.flatMap(({ quota, ...account }) =>
    quota === null || quota.seenAtMs + quota.windowSeconds * 1000 <= now
      ? []
      : [{ ...account, quota }],
  );
  return limits.toSorted((a, b) => b.quota.seenAtMs - a.quota.seenAtMs)[0] ?? null;
}

function judgeQuota(told: Limit | null): Finding {
  if (told === null)
    return { status: "ok", detail: "Docker Hub has told no limit lately, or there is none" };
  const { remaining, limit, windowSeconds } = told.quota;
  const credential = quoted(told.credential);
  const measured = { remaining, limit, windowSeconds };
  const detail = `${remaining} of ${limit} pulls left at Docker Hub in ${windowSeconds / 3600} h (${credential})`;
  const isLow =
    told.warnBelow === undefined ? remaining <= limit * LOW_SHARE : remaining < told.warnBelow;
  if (!isLow) return { status: "ok", detail, measured };
  const advice =
    credential === "anonymous"
      ? "set DOCKERHUB_USERNAME and DOCKERHUB_TOKEN: without an account the limit is that of a shared address"
      : "images not held yet will fail until the window moves on: a paid account has no such limit";
  return { status: "warning", detail, advice, measured };
}

function withoutApi(error: MirrorError, hasToken: boolean): Finding {
  const { status } = error;
  if ((status === 401 || status === 403) && !hasToken)
    return {
      status: "unknown",
      detail: "the mirror's API wants its ADMIN_TOKEN",
      advice: "set TIDEPOOL_TOKEN to see it",
    };
  return {
    status: "warning",
    detail: quoted(error.message),
    advice: "look at ADMIN_TOKEN and TIDEPOOL_TOKEN",
  };
}

/** The mirror's version, from its metrics. */
export async function checkVersion(
  prober: Prober,
  { stranger }: Target,
  token: string | null,
): Promise<Finding> {
  try {
    const authorization = token === null ? null : `Bearer ${token}`;
    const url = new URL(`${stranger.base}/metrics`);
    const { status, body } = await prober.ask(url, {
      authorization,
      maxBytes: MAX_METRICS,
      keep: true,
    });
    const version = /^tidepool_build_info\{version="([\w.+-]{1,40})"\}/m.exec(body)?.[1];
    if (status === 200 && version !== undefined)
      return { status: "ok", detail: `Tidepool ${version}`, measured: { version } };
    if (status === 403 && token === null)
      return {
        status: "unknown",
        detail: "the mirror's metrics want its ADMIN_TOKEN",
        advice: "set TIDEPOOL_TOKEN to see it",
      };
    return { status: "unknown", detail: "this mirror does not tell what it is" };
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return { status: "unknown", detail: `GET /metrics: ${error.message}` };
  }
}

/** The mirror's clock against this machine's, from the `Date` of its answers. */
export function judgeClock({ skew }: Prober): Finding {
  if (skew === null)
    return {
      status: "unknown",
      detail: "the mirror's answers have no Date to compare, as is usual of one run by npm start",
    };
  const seconds = Math.round(skew.skewMs / 1000);
  const uncertain = Math.ceil(skew.uncertaintyMs / 1000);
  const side = seconds < 0 ? "behind" : "ahead";
  const detail = `${Math.abs(seconds)} s ${side} of this machine's, give or take ${uncertain}`;
  const measured = {
    skewMs: Math.round(skew.skewMs),
    uncertaintyMs: Math.round(skew.uncertaintyMs),
  };
  if (Math.abs(skew.skewMs) - skew.uncertaintyMs <= MAX_SKEW_MS)
    return { status: "ok", detail, measured };
  return {
    status: "warning",
    detail,
    advice: "one of the two is wrong: set it by NTP; tokens and certificates depend on it",
    measured,
  };
}
