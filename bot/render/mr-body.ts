import { type Mirror, withoutSecret } from "../files/mirror.ts";
import type { LeftAlone, Plan } from "../plan/plan.ts";
import { code, fenced, prose } from "./markdown.ts";
import { formatMarker, formatNoteMarker, type Marker } from "./marker.ts";
import { count } from "./mr-title.ts";

/** What the description says. */
export interface Body {
  readonly plan: Plan;
  readonly mirror: Mirror;
  readonly marker: Marker;
  readonly targetBranch: string;
  /** Number of changed lines. */
  readonly lines: number;
}

const BEGIN = "<!-- tidepool begin -->";
const REBUILD = "<!-- tidepool rebuild -->";
/** 50 rows of each table: a reader stops earlier, and GitLab's limit of a million characters stays far. */
const MAX_ROWS = 50;

/**
 * Writes the merge request's description: what, why, what not, what if, and how to say no.
 *
 * @param previous - the description so far: what people wrote above and below our section stays
 */
export function formatBody(body: Body, previous = ""): string {
  const section = [
    BEGIN,
    ...lead(body),
    "",
    ...changes(body.plan),
    "",
    ...leftAlone(body.plan),
    "**Why.** Docker Hub limits how often an address may pull, and runners share theirs: builds then stop with `toomanyrequests`. The mirror keeps what was pulled once.",
    "",
    ...limits(body.plan),
    "**If the mirror is down**, Docker pulls from Docker Hub by itself, as before.",
    "",
    "**To say no**, close this merge request: it does not come back for the same edits. To be left out for good, commit a `.tidepool.yml` with the line `enabled: false`.",
    "",
    `- [ ] ${REBUILD}Rebuild this branch from ${code(body.targetBranch)} (drops commits that others made on it)`,
    "",
    formatMarker(body.marker),
  ].join("\n");
  return replaceSection(previous, section);
}

/** Whether somebody ticked the box that asks for the branch to be rebuilt. */
export function isRebuildAsked(description: string): boolean {
  return description
    .split(/\r?\n/)
    .some((line) => /^\s*[-*] \[x\] /i.test(line) && line.includes(REBUILD));
}

/** A description in which only the marker is another one. */
export function replaceMarker(description: string, marker: Marker): string {
  const lines = description.split("\n");
  const at = lines.findLastIndex((line) => line.startsWith("<!-- tidepool {"));
  return lines.with(at, formatMarker(marker)).join("\n");
}

/** Comment on a branch that somebody else pushed to. */
export function formatForeignNote(head: string): string {
  return [
    formatNoteMarker("foreign-head"),
    `This branch has commits that are not the bot's (${code(head.slice(0, 12))}), so the bot leaves it alone from here on. To have it rebuilt without them, tick the box in the description.`,
  ].join("\n");
}

/** Comment on a merge request that nothing is left of. */
export function formatObsoleteNote(targetBranch: string): string {
  return [
    formatNoteMarker("obsolete"),
    `Closed, as ${code(targetBranch)} has nothing left to change: what this merge request offered is there, or no longer needed. The branch is left as it is.`,
  ].join("\n");
}

function lead({ plan, mirror, lines }: Body): string[] {
  const size = `${count(lines, "line")} in ${count(plan.files.length, "file")}`;
  const isCi = plan.files.some(({ kind }) => kind === "gitlab-ci");
  const who = isCi
    ? "What this project's jobs pull from Docker Hub by themselves"
    : "What the Docker daemons configured here pull from Docker Hub";
  const lint = isCi ? " GitLab's CI lint accepts the result." : "";
  return [
    `${who} comes through <${withoutSecret(mirror).url}> once this is merged: ${size}.${lint}`,
  ];
}

/** What a reader might expect of the edits, and they cannot do. */
function limits(plan: Plan): string[] {
  if (plan.files.some(({ kind }) => kind !== "gitlab-ci")) return [];
  return [
    "**What stays as it is.** The images named by `image:` and `services:` are pulled by the runner before a job begins. No file here can change that; it is set on the runner.",
    "",
  ];
}

function changes(plan: Plan): string[] {
  const rows = plan.files.flatMap(({ path, edits }) =>
    edits.map(({ line, why, note }) => {
      const text = note === undefined ? prose(why) : `${prose(why)}. ${prose(note)}`;
      return `| ${code(path)} | ${line} | ${text} |`;
    }),
  );
  return [
    "| file | line | change |",
    "| --- | --- | --- |",
    ...cut(rows, (n) => `| … | | ${n} more |`),
  ];
}

function leftAlone(plan: Plan): string[] {
  const waiting = plan.left.filter((left) => left.attention);
  const fine = plan.left.length - waiting.length;
  if (waiting.length === 0 && fine === 0) return [];
  const rows = waiting.map(leftRow);
  const lines =
    rows.length === 0
      ? []
      : ["**Not changed, and why:**", "", ...cut(rows, (n) => `- and ${n} more`), ""];
  if (fine > 0) lines.push(`${count(fine, "more place")} needed no change.`, "");
  return lines;
}

function leftRow({ path, line, reason, snippet }: LeftAlone): string {
  const row = `- ${code(`${path}:${line}`)} ${prose(reason)}`;
  if (snippet === undefined) return row;
  return `${row}\n\n${fenced(snippet, "  ")}`;
}

function cut(rows: readonly string[], more: (left: number) => string): string[] {
  if (rows.length <= MAX_ROWS) return [...rows];
  return [...rows.slice(0, MAX_ROWS), more(rows.length - MAX_ROWS)];
}

function replaceSection(previous: string, section: string): string {
  const lines = previous.split("\n");
  const start = lines.findIndex((line) => line.trimEnd() === BEGIN);
  const end = lines.findLastIndex((line) => line.startsWith("<!-- tidepool {"));
  if (start === -1 || end < start) return section;
  return [...lines.slice(0, start), section, ...lines.slice(end + 1)].join("\n");
}
