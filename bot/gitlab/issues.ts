import * as z from "zod";
import { readAnswer, readPages, type Api } from "./api.ts";
import { isGitLabError } from "./errors.ts";

/** An issue. */
export const Issue = z
  .object({
    iid: z.number(),
    title: z.string(),
    description: z.string().nullish(),
    state: z.string(),
    web_url: z.string().default(""),
  })
  .transform((issue) => ({
    iid: issue.iid,
    title: issue.title,
    description: issue.description ?? "",
    isOpen: issue.state === "opened",
    webUrl: issue.web_url,
  }));
/** What {@link Issue} reads. */
export type Issue = z.infer<typeof Issue>;

/** Issues with a label, open and closed, newest first, in pages. */
export function listIssues(api: Api, projectId: number, label: string): AsyncGenerator<Issue[]> {
  return readPages(api, {
    path: `projects/${projectId}/issues`,
    query: { labels: label, state: "all", scope: "all", order_by: "created_at", sort: "desc" },
    item: Issue,
  });
}

/** Opens an issue. */
export async function openIssue(
  api: Api,
  projectId: number,
  { title, ...fields }: { title: string; description: string; labels: string },
): Promise<Issue> {
  const made = await api.rest.Issues.create(projectId, title, fields);
  return readAnswer(`POST projects/${projectId}/issues`, Issue, made);
}

/** Gives an issue another description; title, labels and people stay as they are. */
export async function editIssue(
  api: Api,
  projectId: number,
  { iid, description }: { iid: number; description: string },
): Promise<Issue> {
  const made = await api.rest.Issues.edit(projectId, iid, { description });
  return readAnswer(`PUT projects/${projectId}/issues/${iid}`, Issue, made);
}

/** Makes sure that a label exists, with a colour; one that is there stays as it is. */
export async function ensureLabel(
  api: Api,
  projectId: number,
  { name, color }: { name: string; color: string },
): Promise<void> {
  try {
    await api.rest.ProjectLabels.create(projectId, name, color);
  } catch (error) {
    if (!isGitLabError(error, 409)) throw error;
  }
}
