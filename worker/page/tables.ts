import { ago, formatBytes, formatCount, formatShare, formatTime, shorten } from "./format.ts";
import { type Html, html } from "./html.ts";
import type { Activity, LatestPull, TopImage } from "./status.ts";

/** A name of the spec's 255 letters is cut on the page; the API has it whole. */
const MAX_NAME = 120;
const MAX_AGENT = 100;
const MAX_TITLE = 300;
/** As many hexadecimal digits as people compare. */
const DIGEST_LENGTH = "sha256:".length + 12;

/** The images pulled most, with how often they came from the store. */
export function renderTopImages(images: readonly TopImage[], now: number): Html | null {
  if (images.length === 0) return null;
  const row = ({ upstream, repository, hits, misses, lastPullMs }: TopImage): Html =>
    html`<tr>
      <th scope="row">
        <bdi>${nameOf(upstream, repository)}</bdi
        ><small
          >${lastPullMs === null ? "not pulled yet" : html`last pull ${ago(lastPullMs, now)}`}</small
        >
      </th>
      <td class="number">${formatCount(hits + misses)}</td>
      <td class="number">${formatShare(hits, hits + misses) ?? "–"}</td>
    </tr>`;
  return html`<h2 id="images">Most pulled images since the beginning</h2>
    <table aria-labelledby="images">
      <thead>
        <tr>
          <th scope="col">Image</th>
          <th scope="col" class="number">Pulls</th>
          <th scope="col" class="number">Hit rate</th>
        </tr>
      </thead>
      <tbody>
        ${images.map(row)}
      </tbody>
    </table>`;
}

/** The pulls that came last, with what became of each. */
export function renderLatestPulls({ latestPulls: pulls, ...log }: Activity, now: number): Html {
  const heading = html`<h2 id="pulls">Latest pulls</h2>`;
  if (pulls.length === 0)
    return html`${heading}
      <p>No pull has come yet. Point a client here, as told below, and pull an image.</p>`;
  return html`${heading}
    <table aria-labelledby="pulls">
      <thead>
        <tr>
          <th scope="col">Image, client and time</th>
          <th scope="col">Outcome</th>
        </tr>
      </thead>
      <tbody>
        ${pulls.map((pull) => renderPull(pull, now))}
      </tbody>
    </table>
    <p class="muted">
      <b>hit</b>: from the store. <b>revalidated</b>: from the store, after the image's registry
      confirmed it. <b>stale</b>: from the store, while the registry could not confirm it.
      <b>miss</b>: fetched from the registry.
    </p>
    <p class="muted">
      A pull is a manifest that was sent. Docker asks for the tag by HEAD, then fetches by digest:
      its pulls of a stored image are hits even while the registry is away. A Docker that has the
      manifest already asks for layers alone, which counts as no pull.
    </p>
    <p class="muted">${describeLog(log)}</p>`;
}

/** How far back the log can be trusted. */
function describeLog({ completeSinceMs, day }: Pick<Activity, "completeSinceMs" | "day">): string {
  const { lostRecords: lost = 0 } = day;
  const since = `The log is complete since ${formatTime(completeSinceMs)}`;
  if (lost === 0) return `${since}.`;
  const records = lost === 1 ? "1 record" : `${formatCount(lost)} records`;
  return `${since}: ${records} could not be written before that.`;
}

function renderPull(pull: LatestPull, now: number): Html {
  const { upstream, repository, outcome, counted, client, token, blobs, timeMs } = pull;
  const by = token === undefined ? null : html`, token <bdi>${shorten(token, 60)}</bdi>`;
  const from = client.address === "" ? null : html` from <bdi>${shorten(client.address, 45)}</bdi>`;
  return html`<tr>
    <th scope="row">
      <bdi>${nameOf(upstream, repository)}${versionOf(pull)}</bdi>
      <small>${nameAgent(client.userAgent)}${from}${by}, ${ago(timeMs, now)}</small>
    </th>
    <td class="became">
      <span class="outcome ${outcome}">${outcome}</span>
      <small
        >${counted ? "counted" : "not counted"}${blobs.bytes > 0 ? `, ${formatBytes(blobs.bytes)} sent` : ""}</small
      >
    </td>
  </tr>`;
}

/** dockerd tells its kernel, its build and more behind its version, which is what people look for. */
function nameAgent(userAgent: string): Html {
  if (userAgent === "") return html`<bdi>unnamed client</bdi>`;
  const [docker] = /^docker\/\S+(?= )/.exec(userAgent) ?? [];
  return docker === undefined
    ? html`<bdi>${shorten(userAgent, MAX_AGENT)}</bdi>`
    : html`<bdi title="${shorten(userAgent, MAX_TITLE)}">${shorten(docker, MAX_AGENT)}</bdi>`;
}

/** Clients that ask by HEAD pull by the digest that they were told: what people know it by is the tag. */
function versionOf({ tag, knownTag, digest }: LatestPull): string {
  const name = tag ?? knownTag;
  const suffix = name === null ? "" : `:${shorten(name, 60)}`;
  return tag === null ? `${suffix}@${digest.slice(0, DIGEST_LENGTH)}` : suffix;
}

function nameOf(upstream: string, repository: string): string {
  const name = upstream === "docker.io" ? repository : `${upstream}/${repository}`;
  return shorten(name, MAX_NAME);
}
