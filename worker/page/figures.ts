import type { PullCounts, Stats } from "../contract/stats.ts";
import { hasRenewed } from "../oci/pull-limit.ts";
import { DOCKER_HUB } from "../oci/reference.ts";
import {
  ago,
  formatBytes,
  formatCount,
  formatShare,
  formatSpan,
  nameRegistry,
  shorten,
} from "./format.ts";
import { type Html, html } from "./html.ts";
import type { Activity, StatusView } from "./status.ts";

/** The figures people come for, a tile each. */
export function renderTiles(activity: Activity, now: number): Html {
  const { day, week, storage } = activity;
  return html`<dl class="tiles">
    ${tile("Hit rate, last 7 days", hitRate(week.totals) ?? "–", `last 24 hours: ${hitRate(day.totals) ?? "no pull"}`)}
    ${tile("Pulls kept off Docker Hub's limit, last 7 days", formatCount(spared(week)), `of ${formatCount(hubPulls(week).pulls)} pulls of its images; last 24 hours: ${formatCount(spared(day))} of ${formatCount(hubPulls(day).pulls)}`)}
    ${day.quotas.map((quota) => renderQuota(quota, now))}
    ${tile("Sent to clients, last 7 days", formatBytes(week.totals.bytesServed), `fetched from registries: ${formatBytes(week.totals.bytesFetched)}`)}
    ${storage === null ? null : renderStorage(storage)}
  </dl>`;
}

function hitRate({ pulls, misses }: PullCounts): string | null {
  return formatShare(pulls - misses, pulls);
}

/** Docker Hub's alone: the limit is its own. */
function hubPulls({ upstreams = [] }: Stats): Pick<PullCounts, "pulls" | "upstreamPulls"> {
  const hub = upstreams.find(({ upstream }) => upstream === DOCKER_HUB);
  return hub ?? { pulls: 0, upstreamPulls: 0 };
}

function spared(stats: Stats): number {
  const { pulls, upstreamPulls } = hubPulls(stats);
  return Math.max(0, pulls - upstreamPulls);
}

function tile(name: string, figure: string, more: string | Html): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd><b>${figure}</b><small>${more}</small></dd>
  </div>`;
}

function renderQuota(told: Stats["quotas"][number], now: number): Html {
  const { upstream = DOCKER_HUB, credential, quota, warnBelow = 0 } = told;
  const registry = nameRegistry(upstream);
  const name = html`Left of <bdi>${registry}</bdi>'s limit (<bdi>${shorten(credential, 60)}</bdi>)`;
  if (quota === null)
    return html`<div>
      <dt>${name}</dt>
      <dd><b>–</b><small>no answer has told a limit yet</small></dd>
    </div>`;
  const { limit, remaining, windowSeconds, seenAtMs } = quota;
  const window = windowSeconds > 0 ? ` per ${formatSpan(windowSeconds * 1000)}` : "";
  if (hasRenewed(quota, now)) {
    const since = html`renewed since it was last told, ${ago(seenAtMs, now)}`;
    return html`<div>
      <dt>${name}</dt>
      <dd><b>–</b><small>of ${formatCount(limit)} pulls${window}: ${since}</small></dd>
    </div>`;
  }
  const isLow = remaining < warnBelow;
  const warning = isLow ? `: running out, fewer than ${formatCount(warnBelow)} are left` : "";
  const more = html`of ${formatCount(limit)} pulls${window}, seen ${ago(seenAtMs, now)}${warning}`;
  return html`<div class="${isLow ? "low" : "enough"}">
    <dt>${name}</dt>
    <dd><b>${formatCount(remaining)}</b><small>${more}</small></dd>
  </div>`;
}

function renderStorage({ usedBytes, limitBytes }: NonNullable<Activity["storage"]>): Html {
  if (limitBytes === null || limitBytes === 0)
    return tile("Stored", formatBytes(usedBytes), "no limit is set");
  const share = formatShare(usedBytes, limitBytes) ?? "–";
  const label = `Storage used: ${share} of the limit`;
  return html`<div>
    <dt>Stored</dt>
    <dd>
      <b>${formatBytes(usedBytes)}</b>
      <meter
        min="0"
        max="${limitBytes}"
        high="${Math.floor(limitBytes * 0.9)}"
        optimum="0"
        value="${usedBytes}"
        aria-label="${label}"
      >
        ${share}
      </meter>
      <small
        >${share} of
        ${formatBytes(limitBytes)}${usedBytes > limitBytes ? ": over the limit, the next clean-up brings it below" : ""}</small
      >
    </dd>
  </div>`;
}

/** Says how it stands, in plain words: the upstream first, then what was served without its word. */
export function renderHealth({ activity, now, isClosed }: StatusView): Html {
  if (activity === "none")
    return html`<p class="notice">
      <strong>No pull log yet.</strong> This mirror serves images, but keeps no record of its pulls.
    </p>`;
  if (activity === "unreadable")
    return html`<p class="notice bad">
      <strong>The pull log cannot be read just now.</strong> Pulls do not depend on it: images are
      served as ever.
    </p>`;
  const { upstreams = [], totals } = activity.day;
  const failing = upstreams.filter(({ failure }) => failure !== null);
  return html`<div class="notice${failing.length === 0 ? "" : " bad"}">
    ${failing.length === 0 ? describeCalm(upstreams, { now, isClosed }) : failing.map((one) => describeFailure(one, now))}
    ${failing.length === 0 ? null : describeMeanwhile(failing)} ${describeStale(totals.stale)}
  </div>`;
}

type UpstreamHealth = NonNullable<Stats["upstreams"]>[number];

/** Nothing fails: what is said is what Docker Hub's last answer shows. */
function describeCalm(
  upstreams: readonly UpstreamHealth[],
  { now, isClosed }: Pick<StatusView, "now" | "isClosed">,
): Html {
  const hub = upstreams.find(({ upstream }) => upstream === DOCKER_HUB);
  const answeredAtMs = hub?.answeredAtMs ?? null;
  if (answeredAtMs === null)
    return html`<p>${isClosed ? null : READY}Docker Hub has not been asked yet.</p>`;
  return html`<p>
    <strong>All is well.</strong> Docker Hub answers. It last answered ${ago(answeredAtMs, now)}.
  </p>`;
}

function describeFailure({ upstream, answeredAtMs, failure }: UpstreamHealth, now: number): Html {
  const { kind, sinceMs, lastMs } = failure ?? { kind: "", sinceMs: now, lastMs: now };
  const what = FAILURES[kind] ?? "does not answer as a registry should";
  const answered =
    answeredAtMs === null
      ? "It has not answered yet"
      : html`It last answered ${ago(answeredAtMs, now)}`;
  return html`<p>
    <strong><bdi>${nameRegistry(upstream)}</bdi> ${what}.</strong> First seen ${ago(sinceMs, now)},
    last seen ${ago(lastMs, now)}. ${answered}.
  </p>`;
}

const READY = html`<strong>Ready.</strong> `;

/** What it means for pulls; of one registry's trouble, that the others' have none of it. */
function describeMeanwhile(failing: readonly UpstreamHealth[]): Html {
  const [first, ...more] = failing;
  const other =
    first === undefined || more.length > 0 || first.upstream === DOCKER_HUB ? null : first.upstream;
  const whom =
    other === null
      ? html`Stored images`
      : html`This concerns <bdi>${nameRegistry(other)}</bdi> alone: its stored images`;
  return html`<p>
    ${whom} are still served; a tag that could not be confirmed is marked stale. What is not stored
    cannot be pulled until this is over.
  </p>`;
}

/** By the kind of an upstream's failure, as what follows the upstream's name. */
const FAILURES: Readonly<Record<string, string>> = {
  unreachable: "cannot be reached",
  timeout: "does not answer in time",
  "credentials-refused": "refuses this mirror's credentials",
  "rate-limited": "refuses pulls: its limit is used up",
  "bad-response": "answers with errors",
  "untrusted-host": "points to a host that is not its own",
};

function describeStale(stale: number): Html | null {
  if (stale === 0) return null;
  const pulls = stale === 1 ? "1 pull was" : `${formatCount(stale)} pulls were`;
  return html`<p>
    In the last 24 hours ${pulls} answered with a stored image that its registry could not confirm.
  </p>`;
}
