import type { CatalogEntry } from "../../worker/contract/catalog.ts";
import { code } from "./markdown.ts";
import { type ReportMarker, compareSnapshots } from "./report-snapshot.ts";
import { atMost, folded, table } from "./table.ts";
import { formatBytes, plural, spoken } from "./verdict-words.ts";

const MAX_ROWS = 100;
const MAX_TAGS = 5;
const MAX_NAMES = 50;
const DAY_MS = 86_400_000;

/** Renders what came and what left since the last report. */
export function renderChanges(marker: ReportMarker): string[] {
  const compared = compareSnapshots(marker);
  if (compared === null) return [];
  const { came, left } = compared;
  if (came.length + left.length === 0)
    return ["Nothing came and nothing left since the last report.", ""];
  return [
    "#### Since the last report",
    "",
    ...(came.length === 0 ? [] : [`- New: ${names(came)}`]),
    ...(left.length === 0 ? [] : [`- Left: ${names(left)}`]),
    "",
  ];
}

function names(all: readonly string[]): string {
  const { rows, more } = atMost(all, MAX_NAMES);
  return `${rows.map((name) => spoken(familiar(name))).join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
}

function familiar(name: string): string {
  return name.replace(/^library\//, "");
}

/** What a report knows of the mirror's holdings. */
export interface Holdings {
  /** `null` where the mirror is another product, which tells names alone. */
  readonly catalog: readonly CatalogEntry[] | null;
  readonly repositories: readonly string[];
  readonly period: { readonly to: string };
}

/** Renders what the mirror holds, the most pulled first, with ages counted to the end of the period's last day. */
export function renderHeld({ catalog, repositories, period }: Holdings): string[] {
  if (catalog === null) {
    const { rows, more } = atMost(repositories, MAX_ROWS);
    const text = `${rows.map((name) => spoken(familiar(name))).join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
    const title = plural(repositories.length, "repository held", "repositories held");
    return folded(title, rows.length === 0 ? [] : [text, ""]);
  }
  const endMs = Date.parse(period.to) + DAY_MS;
  const sorted = catalog.toSorted((a, b) => b.hits + b.misses - (a.hits + a.misses));
  const { rows, more } = atMost(sorted, MAX_ROWS);
  const cells = rows.map((entry) => cellsOf(entry, endMs));
  if (more > 0) cells.push([`and ${more} more`, "", "", "", "", ""]);
  const head = ["image", "tags and their age", "size", "hits", "first times", "last pull"];
  return folded(`${plural(catalog.length, "image")} held`, table(head, cells));
}

function cellsOf(entry: CatalogEntry, endMs: number): string[] {
  const { upstream, repository, bytes, hits, misses, lastPullMs } = entry;
  const isHub = upstream === "docker.io";
  const { rows, more: unshown } = atMost(entry.tags, MAX_TAGS);
  const more = unshown + (entry.tagsOmitted ?? 0);
  const tags = rows.map(({ tag, storedAtMs }) => `${code(tag)} ${days(storedAtMs, endMs)}`);
  return [
    code(isHub ? familiar(repository) : `${upstream}/${repository}`),
    `${tags.join(", ")}${more === 0 ? "" : ` and ${more} more`}`,
    formatBytes(bytes),
    hits.toLocaleString("en-US"),
    misses.toLocaleString("en-US"),
    lastPullMs === null ? "never" : days(lastPullMs, endMs, " ago"),
  ];
}

function days(ms: number, endMs: number, ago = ""): string {
  const count = Math.max(0, Math.floor((endMs - ms) / DAY_MS));
  return count === 0 ? "today" : `${plural(count, "day")}${ago}`;
}
