/**
 * The page at `/`: what this mirror did, how it stands, and how to use it. Works without scripts.
 *
 * @module
 */
import { renderChart, renderKey } from "./chart.ts";
import { withPlaceholder } from "./address.ts";
import { renderHealth, renderTiles } from "./figures.ts";
import { formatTime, shorten } from "./format.ts";
import { type Html, html, trusted } from "./html.ts";
import { SETUPS, type Setup, WITH_SECRET } from "./setup-texts.ts";
import type { Activity, StatusView } from "./status.ts";
import { STYLE } from "./style.ts";
import { renderLatestPulls, renderTopImages } from "./tables.ts";

/** Three waves, as a picture of its own: nothing is loaded for it. */
const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='%230a84ae' stroke-width='2'%3E%3Cpath d='M1 4q3.5-3 7 0t7 0M1 8q3.5-3 7 0t7 0M1 12q3.5-3 7 0t7 0'/%3E%3C/svg%3E";

/** Written as one piece: a space more, and the policy's hash would not be the style's. */
const STYLE_ELEMENT = trusted(`<style>${STYLE}</style>`);

const LOG_OUT = html`<form method="post" action="logout">
  <button type="submit">Log out</button>
</form>`;

const CLOSED = html`<p class="notice bad">
  <strong>Nobody may pull yet.</strong> <code>ACCESS</code> says who may, and it is not set. Set it
  by <code>npx wrangler secret put ACCESS</code> to a list of networks
  (<code>cidr:203.0.113.0/24</code>), tokens (<code>token:name</code>, with a secret in
  <code>ACCESS_TOKENS</code>) or <code>open</code> for everybody.
</p>`;

/** Renders the whole document. */
export function renderStatusPage(view: StatusView): string {
  const { activity, now, mirror, upstream, version } = view;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>Tidepool at ${mirror.host}</title>
        <link rel="icon" href="${trusted(ICON)}" />
        ${STYLE_ELEMENT}
      </head>
      <body>
        <header>
          <h1>Tidepool</h1>
          <p class="muted">
            A mirror of Docker
            Hub${upstream === null ? null : html` (<code>UPSTREAM</code> is <code>${upstream}</code>)`}
            at <code>${mirror.host}</code>
          </p>
          ${view.isClosed ? CLOSED : null} ${renderHealth(view)}
        </header>
        <main>
          ${typeof activity === "string" ? renderStored(view.repositories) : renderActivity(activity, now)}
          ${renderSetup(view)}
        </main>
        <footer>
          Tidepool ${version}. As of ${formatTime(now)}; load the page again for newer figures.
          ${view.canLogOut ? LOG_OUT : null}
        </footer>
      </body>
    </html> `.toString();
}

function renderActivity(activity: Activity, now: number): Html {
  const { day, week, topImages } = activity;
  // Empty axes say nothing that the tiles do not.
  const charts = html`${renderKey()}${renderChart("Last 24 hours", day)}${renderChart("Last 7 days", week)}`;
  return html`${renderTiles(activity, now)}
  ${
    week.totals.pulls === 0
      ? null
      : html`<h2>Pulls</h2>
          ${charts}`
  }
  ${renderTopImages(topImages, now)} ${renderLatestPulls(activity, now)}`;
}

function renderStored(repositories: readonly string[]): Html {
  if (repositories.length === 0)
    return html`<p>
      Nothing is stored yet. Point a client here, as told below, and pull an image.
    </p>`;
  return html`<h2>Stored images</h2>
    <ul class="names">
      ${repositories.map((name) => html`<li><bdi>${shorten(name, 120)}</bdi></li>`)}
    </ul>
    <p><a href="v2/_catalog">The whole list, as JSON</a></p>`;
}

function renderSetup({ mirror, hasTokens, needsSecret }: StatusView): Html {
  const named = needsSecret ? withPlaceholder(mirror) : mirror;
  const fold = (setup: Setup, index: number): Html =>
    html`<details${index === 0 ? trusted(" open") : null}>
<summary><b>${setup.name}</b></summary>
<p>Goes into ${setup.target}${needsSecret && setup.isDockerd ? ` (${WITH_SECRET})` : ""}.</p>
<pre tabindex="0" aria-label="${setup.name}: text to paste"><code>${setup.text(named)}</code></pre>
${needsSecret ? null : html`<p><a href="setup?client=${setup.client}">${setup.name}: as plain text</a></p>`}
</details>`;
  const hint = html`<p>
    For a client that comes by a token, the texts with its secret are at
    <code>${mirror.origin}/t/SECRET/setup</code>.
  </p>`;
  // What is behind the links names no secret: it would be a text that does not work.
  const place = html`<p>
    Every client comes by a token: put its secret in the place of <code>SECRET</code>, or take the
    texts that have it already from <code>${mirror.origin}/t/SECRET/setup</code>.
  </p>`;
  return html`<h2>Point a client here</h2>
    ${needsSecret ? place : null}${hasTokens && !needsSecret ? hint : null} ${SETUPS.map(fold)}`;
}
