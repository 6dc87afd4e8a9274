import * as z from "zod";
import { readAnswer, readList, type Api } from "./api.ts";
import { isGitLabError } from "./errors.ts";
import { Pipeline } from "./pipelines.ts";
import { LintResult, MergeRequest, Note } from "./schema.ts";

/** Only a single merge request carries it, and only where its head has a pipeline. */
const WithHead = z.object({ head_pipeline: Pipeline.nullish() });

/**
 * Merge requests that came from `branch` of the project itself, newest first, whatever their state.
 *
 * Forks may have a branch of that name: theirs are left out. `source_project_id` is not among the documented
 * filters of every version, so that the answer is looked at.
 */
export async function listMergeRequests(
  api: Api,
  projectId: number,
  branch: string,
): Promise<MergeRequest[]> {
  const all = await readList(api, {
    path: `projects/${projectId}/merge_requests`,
    query: { source_branch: branch, state: "all", scope: "all" },
    item: MergeRequest,
  });
  return all
    .filter((merge) => merge.sourceProjectId === projectId)
    .toSorted((one, other) => other.iid - one.iid);
}

/** A merge request to be opened. */
export interface NewMergeRequest {
  readonly sourceBranch: string;
  readonly targetBranch: string;
  readonly title: string;
  readonly description: string;
  readonly labels: readonly string[];
  readonly reviewerIds: readonly number[];
  readonly assigneeIds: readonly number[];
}

/** Opens a merge request; `null` where one for this branch is open already (409). */
export async function openMergeRequest(
  api: Api,
  projectId: number,
  { sourceBranch, targetBranch, title, ...fields }: NewMergeRequest,
): Promise<MergeRequest | null> {
  const options = {
    description: fields.description,
    removeSourceBranch: true,
    ...(fields.labels.length > 0 ? { labels: fields.labels.join(",") } : {}),
    ...(fields.reviewerIds.length > 0 ? { reviewerIds: [...fields.reviewerIds] } : {}),
    ...(fields.assigneeIds.length > 0 ? { assigneeIds: [...fields.assigneeIds] } : {}),
  };
  try {
    const { MergeRequests } = api.rest;
    const made = await MergeRequests.create(projectId, sourceBranch, targetBranch, title, options);
    return readAnswer(`POST projects/${projectId}/merge_requests`, MergeRequest, made);
  } catch (error) {
    if (isGitLabError(error, 409) && /already exists/i.test(error.detail)) return null;
    throw error;
  }
}

/** What may be changed about a merge request. Labels are not among it: sending them would drop those of people. */
export interface MergeRequestChange {
  readonly title?: string;
  readonly description?: string;
  readonly stateEvent?: "close";
}

/** Changes a merge request. */
export async function editMergeRequest(
  api: Api,
  { projectId, iid }: MergeRequestPlace,
  change: MergeRequestChange,
): Promise<MergeRequest> {
  const made = await api.rest.MergeRequests.edit(projectId, iid, { ...change });
  return readAnswer(`PUT projects/${projectId}/merge_requests/${iid}`, MergeRequest, made);
}

/** Which merge request. */
export interface MergeRequestPlace {
  readonly projectId: number;
  readonly iid: number;
}

/** Comments of a merge request, without GitLab's own. */
export async function listNotes(api: Api, { projectId, iid }: MergeRequestPlace): Promise<Note[]> {
  const notes = await readList(api, {
    path: `projects/${projectId}/merge_requests/${iid}/notes`,
    query: { sort: "asc" },
    item: Note,
  });
  return notes.filter((note) => !note.system);
}

/** Adds a comment. */
export async function addNote(
  api: Api,
  { projectId, iid }: MergeRequestPlace,
  body: string,
): Promise<Note> {
  const made = await api.rest.MergeRequestNotes.create(projectId, iid, body);
  return readAnswer(`POST projects/${projectId}/merge_requests/${iid}/notes`, Note, made);
}

/** Gives a comment of the bot's own another text. */
export async function editNote(
  api: Api,
  { projectId, iid }: MergeRequestPlace,
  { id, body }: { readonly id: number; readonly body: string },
): Promise<Note> {
  const made = await api.rest.MergeRequestNotes.edit(projectId, iid, id, { body });
  return readAnswer(`PUT projects/${projectId}/merge_requests/${iid}/notes/${id}`, Note, made);
}

/** A merge request with the pipeline of its head; `null` where it does not exist or may not be seen. */
export async function findMergeRequest(
  api: Api,
  { projectId, iid }: MergeRequestPlace,
): Promise<{ readonly merge: MergeRequest; readonly head: Pipeline | null } | null> {
  try {
    const answer = await api.rest.MergeRequests.show(projectId, iid);
    const request = `GET projects/${projectId}/merge_requests/${iid}`;
    const { head_pipeline: head } = readAnswer(request, WithHead, answer);
    return { merge: readAnswer(request, MergeRequest, answer), head: head ?? null };
  } catch (error) {
    if (isGitLabError(error, 404)) return null;
    throw error;
  }
}

/**
 * Asks GitLab whether a CI configuration is valid with `content` in the place of the project's file.
 *
 * Statically: a simulated pipeline (`dry_run`) is also refused by `workflow:rules` that want a merge request, and
 * by a protected branch the token may not push to, neither of which says anything about the edit.
 */
export async function lintContent(
  api: Api,
  projectId: number,
  content: string,
): Promise<LintResult> {
  const answer = await api.rest.Lint.lint(projectId, content);
  return readAnswer(`POST projects/${projectId}/ci/lint`, LintResult, answer);
}

/** Asks GitLab about the CI configuration of a commit, includes and all. */
export async function lintCommit(api: Api, projectId: number, ref: string): Promise<LintResult> {
  // gitbeaker's types still have the parameter's old name, `sha`.
  const options = { contentRef: ref, includeJobs: false };
  const answer = await api.rest.Lint.check(projectId, options);
  return readAnswer(`GET projects/${projectId}/ci/lint`, LintResult, answer);
}
