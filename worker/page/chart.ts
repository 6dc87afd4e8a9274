import type { PullCounts, Stats } from "../contract/stats.ts";
import { formatBytes, formatCount } from "./format.ts";
import { type Html, html } from "./html.ts";

const STEP_MS = { hour: 3_600_000, day: 86_400_000 } as const;
/** A week of hours. More bars than that are thinner than a pixel on a phone. */
const MAX_BARS = 168;
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

interface Bar {
  readonly startMs: number;
  readonly stored: number;
  readonly fetched: number;
}

/** Draws the pulls of a span as bars, and gives the same figures as a table for those who cannot see them. */
export function renderChart(name: string, stats: Stats): Html {
  const bars = readBars(stats);
  const top = roundUp(Math.max(1, ...bars.map(({ stored, fetched }) => stored + fetched)));
  return html`<figure>
    <figcaption>${name}: ${formatCount(stats.totals.pulls)} pulls</figcaption>
    <div class="plot">
      <div class="scale" aria-hidden="true"><span>${formatCount(top)}</span><span>0</span></div>
      <svg
        viewBox="0 0 ${bars.length} 100"
        preserveAspectRatio="none"
        role="img"
        aria-label="${describe(stats)}"
      >
        ${bars.map((bar, index) => renderBar(bar, index, top))}
      </svg>
      ${renderSpan(stats, bars)}
    </div>
    <details>
      <summary>${name} as a table</summary>
      ${renderTable(name, stats)}
    </details>
  </figure>`;
}

/** Says what the bars mean: by place and shape, not by colour alone. */
export function renderKey(): Html {
  return html`<ul class="key">
    <li>
      <svg viewBox="0 0 10 10" aria-hidden="true">
        <rect class="stored" width="10" height="10" />
      </svg>
      solid, below: answered from the store
    </li>
    <li>
      <svg viewBox="0 0 10 10" aria-hidden="true">
        <rect class="fetched" width="10" height="10" />
      </svg>
      hollow, on top: fetched from their registry
    </li>
    <li>times in UTC</li>
  </ul>`;
}

function readBars({ buckets, step, sinceMs, untilMs }: Stats): Bar[] {
  const stepMs = STEP_MS[step];
  // Buckets begin where the clock's hours and days do, and not where the span does.
  const first = Math.floor(sinceMs / stepMs) * stepMs;
  const count = Math.min(MAX_BARS, Math.max(1, Math.ceil((untilMs - first) / stepMs)));
  const known = new Map(buckets.map((bucket) => [Math.floor(bucket.startMs / stepMs), bucket]));
  return Array.from({ length: count }, (_, index) => {
    const startMs = first + index * stepMs;
    const bucket = known.get(Math.floor(startMs / stepMs));
    if (bucket === undefined) return { startMs, stored: 0, fetched: 0 };
    return { startMs, stored: bucket.pulls - bucket.misses, fetched: bucket.misses };
  });
}

function renderBar({ stored, fetched }: Bar, index: number, top: number): Html | null {
  if (stored + fetched === 0) return null;
  const low = (stored / top) * 100;
  const high = (fetched / top) * 100;
  const rect = (kind: string, y: number, height: number): Html =>
    html`<rect
      class="${kind}"
      x="${index + 0.15}"
      y="${round(y)}"
      width="0.7"
      height="${round(height)}"
    />`;
  return html`${low > 0 ? rect("stored", 100 - low, low) : null}${high > 0 ? rect("fetched", 100 - low - high, high) : null}`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** The next of 1, 2, 5, 10, 20, 50 and so on: a scale that reads well. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

function describe({ totals }: Stats): string {
  const stored = formatCount(totals.pulls - totals.misses);
  return `Bar chart: ${stored} pulls answered from the store, ${formatCount(totals.misses)} fetched. The table below has the figures.`;
}

/** Names the times below the bars: each of the days, or quarters of what is shorter. */
function renderSpan({ sinceMs, untilMs, step }: Stats, bars: readonly Bar[]): Html {
  const spanMs = untilMs - sinceMs;
  const isDays = step === "day" || spanMs > 2 * STEP_MS.day;
  const barMs = STEP_MS[step];
  const labels = isDays
    ? bars.filter((_, index) => (index * barMs) % STEP_MS.day === 0).map(nameDay)
    : [...[0, 0.25, 0.5, 0.75].map((part) => nameTime(sinceMs + part * spanMs)), "now"];
  return html`<div class="span${isDays ? " days" : ""}" aria-hidden="true">
    ${labels.map((label) => html`<span>${label}</span>`)}
  </div>`;
}

function nameDay({ startMs }: Bar): string {
  const date = new Date(startMs);
  return `${WEEKDAYS[date.getUTCDay()] ?? ""} ${date.getUTCDate()}`;
}

function nameTime(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(11, 16);
}

function renderTable(name: string, { buckets, step }: Stats): Html {
  if (buckets.length === 0) return html`<p>No pull in this time.</p>`;
  const when = (startMs: number): string => {
    const iso = new Date(startMs).toISOString();
    return step === "day" ? iso.slice(0, 10) : iso.slice(0, 16).replace("T", " ");
  };
  const row = ({ startMs, ...counts }: Stats["buckets"][number]): Html =>
    html`<tr>
      <th scope="row">${when(startMs)}</th>
      ${renderCells(counts)}
    </tr>`;
  return html`<div class="scroll" role="region" aria-label="${name} as a table" tabindex="0">
    <table>
      <caption>
        By the ${step}, in UTC. Times without a pull are left out.
      </caption>
      <thead>
        <tr>
          <th scope="col">From</th>
          ${["Pulls", "From the store", "Stale", "Fetched", "Sent"].map((head) => html`<th scope="col" class="number">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${buckets.slice(-MAX_BARS).map(row)}
      </tbody>
    </table>
  </div>`;
}

function renderCells(counts: PullCounts): Html[] {
  const { pulls, stale, misses, bytesServed } = counts;
  const cells = [pulls, pulls - misses, stale, misses].map(formatCount);
  return [...cells, formatBytes(bytesServed)].map((cell) => html`<td class="number">${cell}</td>`);
}
