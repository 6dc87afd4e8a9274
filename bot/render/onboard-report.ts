import type { ProjectResult, Status } from "../onboard/result.ts";
import { visible } from "./markdown.ts";
import { count } from "./mr-title.ts";

/** What people read for a status. */
const WORDS = {
  opened: "opened",
  refreshed: "refreshed",
  closed: "closed",
  "would-open": "would open",
  "would-refresh": "would refresh",
  "would-close": "would close",
  unchanged: "unchanged",
  nothing: "nothing to do",
  declined: "declined",
  "left-alone": "left alone",
  waiting: "waiting",
  skipped: "skipped",
  conflict: "conflict",
  rejected: "rejected",
  failed: "failed",
} as const satisfies Record<Status, string>;

const WIDTH = Math.max(...Object.values(WORDS).map((word) => word.length));

/** One line for a project: status, path, where, why. Control characters of foreign text do not reach a terminal. */
export function formatResult({
  status,
  project,
  mergeRequest,
  reason,
  files,
}: ProjectResult): string {
  const lines = files.reduce((sum, file) => sum + file.lines, 0);
  const size =
    files.length === 0 ? [] : [`${count(lines, "line")} in ${count(files.length, "file")}`];
  const where = mergeRequest === null ? [] : [mergeRequest];
  const text = [...where, ...size, reason].map(visible).join(" · ");
  return `${WORDS[status].padEnd(WIDTH)}  ${visible(project)}  ${text}\n`;
}

/** One JSON object for a project. */
export function formatResultJson(result: ProjectResult, diffs: readonly string[]): string {
  const { project, status, reason, mergeRequest, files, left } = result;
  const shown = files.map(({ path, lines }, index) => ({ path, lines, diff: diffs[index] }));
  const json = { project, status, reason, merge_request: mergeRequest, files: shown, left };
  return `${JSON.stringify(json)}\n`;
}

/** The closing table: how many projects came to what. */
export function formatSummary(counts: ReadonlyMap<Status, number>): string {
  const statuses = Object.keys(WORDS) as Status[];
  const rows = statuses.flatMap((status) => {
    const n = counts.get(status) ?? 0;
    return n === 0 ? [] : [`${WORDS[status].padEnd(WIDTH)}  ${String(n).padStart(6)}\n`];
  });
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  const rule = `${"-".repeat(WIDTH + 8)}\n`;
  return ["\n", ...rows, rule, `${"projects".padEnd(WIDTH)}  ${String(total).padStart(6)}\n`].join(
    "",
  );
}
