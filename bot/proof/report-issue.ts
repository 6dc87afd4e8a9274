import type { Api } from "../gitlab/api.ts";
import { type Issue, editIssue, ensureLabel, listIssues, openIssue } from "../gitlab/issues.ts";
import { type ReportMarker, parseReportMarker } from "../render/report-snapshot.ts";
import { isSame } from "./publish.ts";

const LABEL = { name: "tidepool", color: "#1068bf" } as const;

/** A report's issue as it stands. */
export interface ReportIssue {
  readonly issue: Issue;
  readonly marker: ReportMarker;
}

/**
 * Finds the issue of a report by label and marker, whoever wrote it: a token's rotation changes the author.
 *
 * @returns the open one, else the newest closed one; `null` where there is none
 */
export async function findReportIssue(
  api: Api,
  projectId: number,
  scope: string,
): Promise<ReportIssue | null> {
  let closed: ReportIssue | null = null;
  for await (const page of listIssues(api, projectId, LABEL.name)) {
    for (const issue of page) {
      const marker = parseReportMarker(issue.description);
      if (marker === null || marker.scope !== scope) continue;
      if (issue.isOpen) return { issue, marker };
      closed ??= { issue, marker };
    }
  }
  return closed;
}

/** Writes a report: into its issue where there is one, else into a new one; nothing where nothing is new. */
export async function writeReportIssue(
  api: Api,
  { projectId, standing }: { readonly projectId: number; readonly standing: ReportIssue | null },
  { title, body }: { readonly title: string; readonly body: string },
): Promise<{ readonly issue: Issue; readonly done: "written" | "edited" | "unchanged" }> {
  if (standing === null) {
    await ensureLabel(api, projectId, LABEL);
    const fields = { title, description: body, labels: LABEL.name };
    return { issue: await openIssue(api, projectId, fields), done: "written" };
  }
  const { issue } = standing;
  if (isSame(issue.description, body)) return { issue, done: "unchanged" };
  const change = { iid: issue.iid, description: body };
  return { issue: await editIssue(api, projectId, change), done: "edited" };
}
