import { deflateRawSync, inflateRawSync } from "node:zlib";
import * as z from "zod";

/** What the mirror held when a report was written: `repository:tag`, sorted. */
export type Snapshot = readonly string[];

/**
 * What a report remembers: what the mirror held then, and what it held before this report's day.
 *
 * The earlier one stays for the day, so that a report run twice says the same twice.
 */
export const ReportMarker = z.object({
  v: z.literal(1),
  /** What is reported on: `group:acme` or `project:acme/shop`, so that one project may hold several reports. */
  scope: z.string(),
  /** The last day of the period, `YYYY-MM-DD`. */
  day: z.string().regex(/^\d{4}-\d\d-\d\d$/),
  before: z.array(z.string()).nullable(),
  now: z.array(z.string()).nullable(),
});

/** @see {@link ReportMarker} */
export type ReportMarker = z.infer<typeof ReportMarker>;

const LINE = /^<!-- tidepool report ([A-Za-z0-9+/=]+) -->\r?$/gm;

/** 5,000 names: some 60 kB of the million characters an issue has. Of more, none is remembered. */
const MAX_NAMES = 5000;
/** 4 MiB unpacked: a marker that somebody forged must not fill the memory. */
const MAX_UNPACKED = 4 * 1024 * 1024;

/** Writes the marker as the last line, packed, where GitLab shows nothing of it. */
export function formatReportMarker(marker: ReportMarker): string {
  const kept = { ...marker, before: keep(marker.before), now: keep(marker.now) };
  const packed = deflateRawSync(JSON.stringify(ReportMarker.parse(kept))).toString("base64");
  return `<!-- tidepool report ${packed} -->`;
}

function keep(names: string[] | null): string[] | null {
  return names === null || names.length > MAX_NAMES ? null : names;
}

/** Finds the marker in an issue's text; `null` where it is no report, or not one that can be read. */
export function parseReportMarker(body: string): ReportMarker | null {
  const packed = [...body.matchAll(LINE)].at(-1)?.[1];
  if (packed === undefined) return null;
  try {
    const options = { maxOutputLength: MAX_UNPACKED };
    const text = inflateRawSync(Buffer.from(packed, "base64"), options).toString("utf8");
    return ReportMarker.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Remembers a new state; within a day what was compared with stays the same. */
export function nextMarker(
  previous: ReportMarker | null,
  { scope, day, now }: Pick<ReportMarker, "scope" | "day"> & { readonly now: Snapshot },
): ReportMarker {
  const isSameDay = previous?.day === day;
  const before = (isSameDay ? previous.before : previous?.now) ?? null;
  return { v: 1, scope, day, before, now: [...now] };
}

/** What came and what left between two states; `null` where there is nothing to compare with. */
export function compareSnapshots({
  before,
  now,
}: ReportMarker): { readonly came: string[]; readonly left: string[] } | null {
  if (before === null || now === null) return null;
  const [had, has] = [new Set(before), new Set(now)];
  return {
    came: now.filter((name) => !had.has(name)),
    left: before.filter((name) => !has.has(name)),
  };
}
