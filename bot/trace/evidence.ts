import type { ShownText } from "./display.ts";
import type { Evidence } from "./trace.ts";

/** Long enough for the longest line a runner writes about an image with its digest. */
const MAX_QUOTE = 300;

/** Quotes a line: a copy of its own, cut, and without the secrets that an address can carry. */
export function quote(shown: ShownText): Evidence {
  const text = redactAddresses(shown.text);
  const cut = text.length > MAX_QUOTE ? `${text.slice(0, MAX_QUOTE)}…` : text;
  return {
    line: shown.line,
    anchor: shown.anchor,
    text: own(cut),
    atMs: shown.time === null ? null : Date.parse(shown.time),
  };
}

/**
 * Hides what addresses in a log can give away: a user's password, and a mirror's path token (`/t/<secret>/`).
 *
 * A comment can be read by people who cannot read the job's log.
 */
function redactAddresses(text: string): string {
  return text
    .replaceAll(/:\/\/[^\s/@"']{1,200}@/g, "://…@")
    .replaceAll(/\/t\/[a-z0-9]{6,200}(?=[/\s"']|$)/g, "/t/…");
}

/** Copies a string out of the chunk it was cut from, which V8 would otherwise keep alive whole. */
export function own(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}
