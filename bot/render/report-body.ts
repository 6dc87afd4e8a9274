import { type Mirror, withoutSecret } from "../files/mirror.ts";
import type { CatalogEntry } from "../../worker/contract/catalog.ts";
import type { PullCounts, Stats } from "../../worker/contract/stats.ts";
import { DOCKER_HUB } from "../../worker/oci/reference.ts";
import { mendFor } from "../verify/mend.ts";
import type { JudgedImage } from "../verify/verdict.ts";
import { renderChanges, renderHeld } from "./report-images.ts";
import { type ReportMarker, formatReportMarker } from "./report-snapshot.ts";
import { atMost, folded, table } from "./table.ts";
import { code } from "./markdown.ts";
import {
  familiarName,
  formatBytes,
  jobCell,
  link,
  plural,
  proofOf,
  spoken,
} from "./verdict-words.ts";

/** Where a project stands. */
export type ProjectState =
  | "proven"
  | "bypassing"
  | "held"
  | "unclear"
  | "quiet"
  | "open"
  | "opted-out"
  | "unread";

/** One project's line in a report. */
export interface ReportedProject {
  readonly path: string;
  readonly url: string;
  readonly state: ProjectState;
  /** The pipeline or merge request that the state rests on. */
  readonly evidence: { readonly text: string; readonly url: string } | null;
  /** Of the pipeline looked at. */
  readonly bypassed: readonly JudgedImage[];
  /** Why it could not be read, in our words. */
  readonly why: string | null;
}

/** What a report is rendered from. */
export interface Report {
  readonly mirror: Mirror;
  /** First and last day, `YYYY-MM-DD`, UTC. */
  readonly period: { readonly from: string; readonly to: string };
  /** `null` where the mirror has no API of ours. */
  readonly stats: Stats | null;
  readonly catalog: readonly CatalogEntry[] | null;
  /** Names alone, of a mirror of another make. */
  readonly repositories: readonly string[];
  readonly projects: readonly ReportedProject[];
  readonly marker: ReportMarker;
  readonly notSeen: readonly string[];
}

const MAX_ROWS = 100;

/** Renders the report issue's text. The same figures on the same day give the same text. */
export function renderReport(report: Report): string {
  return [
    `### ${reportHeadline(report)}`,
    "",
    `From ${report.period.from} to ${report.period.to} (UTC), by the mirror at ${spoken(withoutSecret(report.mirror).url)}. Closing this issue stops the reports.`,
    "",
    ...figures(report),
    ...chart(report.stats),
    ...projects(report),
    ...bypasses(report),
    ...renderChanges(report.marker),
    ...renderHeld(report),
    ...notSeen(report),
    formatReportMarker(report.marker),
  ].join("\n");
}

/** The report in one line, without Markdown. */
export function reportHeadline({ stats, repositories }: Report): string {
  if (stats === null)
    return `The mirror holds ${plural(repositories.length, "repository", "repositories")}`;
  const { pulls } = stats.totals;
  if (pulls === 0) return "No pull came to the mirror in this time";
  return `${percent(fromCache(stats.totals), pulls)} of ${plural(pulls, "pull")} came from cache`;
}

function fromCache({ hits, revalidated, stale }: PullCounts): number {
  return hits + revalidated + stale;
}

function percent(part: number, whole: number): string {
  if (part === whole) return "100 %";
  // Never rounded up to all of them.
  return `${Math.min(99.9, Math.round((part / whole) * 1000) / 10)} %`;
}

function figures({ stats }: Report): string[] {
  if (stats === null) return [];
  const { totals, quotas, upstreams = [] } = stats;
  // The limit is Docker Hub's own; a mirror that does not tell registries apart counted all that it had.
  const hub = upstreams.find(({ upstream }) => upstream === DOCKER_HUB) ?? totals;
  const rows = [
    ["Pulls through the mirror", totals.pulls.toLocaleString("en-US")],
    ["of them from cache", fromCache(totals).toLocaleString("en-US")],
    [
      "Pulls kept off Docker Hub's limit",
      Math.max(0, hub.pulls - hub.upstreamPulls).toLocaleString("en-US"),
    ],
    ["Sent to clients", formatBytes(totals.bytesServed)],
    ["Fetched from registries", formatBytes(totals.bytesFetched)],
    ...quotas.map(({ upstream = DOCKER_HUB, credential, quota }) => [
      `${upstream === DOCKER_HUB ? "Docker Hub" : code(upstream)}'s limit left, as ${code(credential)}`,
      quota === null
        ? "not told yet"
        : `${quota.remaining} of ${quota.limit} in ${Math.round(quota.windowSeconds / 3600)} h`,
    ]),
  ];
  return table(["in this time", ""], rows);
}

/** Pie charts work in every GitLab; labels have no Markdown in them, and the figures stand in a table as well. */
function chart(stats: Stats | null): string[] {
  if (stats === null || stats.totals.pulls === 0) return [];
  const { hits, revalidated, stale, misses } = stats.totals;
  const slices = [
    ["From cache", hits],
    ["From cache, found current", revalidated],
    ["Stale, Docker Hub away", stale],
    ["First time", misses],
  ] as const;
  const shown = slices.filter(([, count]) => count > 0);
  return [
    "```mermaid",
    "pie showData",
    "  title How pulls were answered",
    ...shown.map(([label, count]) => `  "${label}" : ${count}`),
    "```",
    "",
    ...table(
      ["how", "pulls", "share"],
      slices.map(([label, count]) => [
        label,
        count.toLocaleString("en-US"),
        percent(count, stats.totals.pulls),
      ]),
    ),
    ...folded("By day", byDay(stats)),
  ];
}

function byDay({ buckets }: Stats): string[] {
  const rows = buckets.map((bucket) => [
    new Date(bucket.startMs).toISOString().slice(0, 10),
    bucket.pulls.toLocaleString("en-US"),
    fromCache(bucket).toLocaleString("en-US"),
    bucket.misses.toLocaleString("en-US"),
    formatBytes(bucket.bytesServed),
    formatBytes(bucket.bytesFetched),
  ]);
  return table(["day", "pulls", "from cache", "first time", "sent", "fetched"], rows);
}

const STATE_WORDS: Readonly<Record<ProjectState, string>> = {
  bypassing: "**bypasses the mirror**",
  unread: "could not be read",
  open: "merge request open",
  unclear: "could not be verified",
  proven: "proven",
  held: "held by the mirror",
  quiet: "pulls nothing from Docker Hub in its jobs",
  "opted-out": "opted out",
};

const STATE_ORDER = Object.keys(STATE_WORDS) as readonly ProjectState[];

function projects({ projects: all }: Report): string[] {
  if (all.length === 0) return [];
  const sorted = all.toSorted(
    (a, b) => STATE_ORDER.indexOf(a.state) - STATE_ORDER.indexOf(b.state),
  );
  const { rows, more } = atMost(sorted, MAX_ROWS);
  const cells = rows.map(({ path, url, state, evidence, why }) => [
    link(code(path), url),
    STATE_WORDS[state],
    why ?? (evidence === null ? "" : link(evidence.text, evidence.url)),
  ]);
  if (more > 0) cells.push([`and ${more} more`, "", ""]);
  return ["#### Projects", "", ...table(["project", "state", "by"], cells)];
}

function bypasses({ projects: all, mirror }: Report): string[] {
  const shown = withoutSecret(mirror);
  const groups = Map.groupBy(
    all.flatMap(({ bypassed }) => bypassed),
    (one) => `${one.job.project}\n${one.image.tool}\n${mendFor(one, shown)?.code ?? ""}`,
  );
  if (groups.size === 0) return [];
  const { rows, more } = atMost([...groups.values()], MAX_ROWS);
  const cells = rows.flatMap((group) => {
    const [one] = group;
    if (one === undefined) return [];
    const names = [...new Set(group.map(familiarName))];
    const { rows: some, more: rest } = atMost(names, 5);
    const images = `${some.map(code).join(", ")}${rest === 0 ? "" : ` and ${rest} more`}`;
    const edit = mendFor(one, shown)?.code.replaceAll(/\s*\n\s*/g, " ⏎ ") ?? "";
    return [[code(one.job.project), jobCell(one.job, proofOf(one)), images, code(edit)]];
  });
  if (more > 0) cells.push([`and ${more} more`, "", "", ""]);
  return [
    "#### What bypasses the mirror, and the edit that mends it",
    "",
    ...table(["project", "for example in", "images", "edit"], cells),
  ];
}

function notSeen({ notSeen: lines }: Report): string[] {
  if (lines.length === 0) return [];
  return ["#### What this report could not see", "", ...lines.map((line) => `- ${line}`), ""];
}
