import { DOCKER_HUB } from "../oci/reference.ts";
import { type Html, html } from "./html.ts";

const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact" });
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Beyond it there is no date. @see ECMA-262, "Time Values and Time Range" */
const MAX_TIME_MS = 8.64e15;

/** Writes a number with its thousands apart; from a thousand million on, shortly. */
export function formatCount(count: number): string {
  return (count < 1e9 ? GROUPED : SHORT).format(count);
}

/** Writes bytes in powers of a thousand, three digits at most. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ""}`;
}

/** Writes a share in per cent, to a tenth: only all is 100 %. `null` where there is nothing to share. */
export function formatShare(part: number, whole: number): string | null {
  if (whole <= 0) return null;
  if (part > 10 * whole) return "over 1000 %";
  const rounded = Math.round((part / whole) * 1000);
  const tenths = part < whole ? Math.min(rounded, 999) : rounded;
  return `${tenths % 10 === 0 ? tenths / 10 : (tenths / 10).toFixed(1)} %`;
}

/** Writes how long a span is, in its largest unit. */
export function formatSpan(ms: number): string {
  if (ms >= 2 * DAY_MS) return `${formatCount(Math.floor(ms / DAY_MS))} days`;
  if (ms >= 2 * HOUR_MS) return `${Math.floor(ms / HOUR_MS)} hours`;
  if (ms >= 2 * MINUTE_MS) return `${Math.floor(ms / MINUTE_MS)} minutes`;
  return ms >= MINUTE_MS ? "1 minute" : `${Math.max(0, Math.floor(ms / 1000))} s`;
}

/** Writes a time to the minute, in UTC. */
export function formatTime(timeMs: number): string {
  return timeMs > MAX_TIME_MS
    ? "no date"
    : `${new Date(timeMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Says how long ago something was; the time itself is in the markup. */
export function ago(timeMs: number, now: number): Html {
  if (timeMs > MAX_TIME_MS) return html`at no date`;
  const iso = new Date(timeMs).toISOString();
  // Two isolates' clocks may differ a little: nothing has happened in the future.
  const age = formatSpan(Math.max(0, now - timeMs));
  const words = now - timeMs < 1000 ? "just now" : `${age} ago`;
  return html`<time datetime="${iso}" title="${formatTime(timeMs)}">${words}</time>`;
}

/** Names a registry as people call it. */
export function nameRegistry(upstream: string): string {
  return upstream === DOCKER_HUB ? "Docker Hub" : shorten(upstream, 80);
}

/** Cuts what is too long to be read, between whole characters. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${Array.from(text.slice(0, 2 * most))
    .slice(0, most - 1)
    .join("")}…`;
}
