import type { Commit } from "./git.ts";
import type {
  CommitStatus,
  Issue,
  Job,
  Label,
  MergeRequest,
  Note,
  Pipeline,
  Project,
  User,
} from "./model.ts";

/** Entities::UserBasic. */
export function presentUser(user: User): Record<string, unknown> {
  const { id, username, name, bot } = user;
  return { id, username, name, state: "active", locked: false, bot, web_url: `/${username}` };
}

/** Entities::Project, the fields clients look at. */
export function presentProject(project: Project, url: string): Record<string, unknown> {
  const namespace = project.path.slice(0, -project.name.length - 1);
  return {
    id: project.id,
    name: project.name,
    path: project.name,
    path_with_namespace: project.path,
    name_with_namespace: project.path.replaceAll("/", " / "),
    description: null,
    // A repository without a commit has no default branch (Entities::Project).
    default_branch: project.repository.commits.size === 0 ? null : project.defaultBranch,
    empty_repo: project.repository.commits.size === 0,
    archived: project.archived,
    mirror: project.mirror,
    marked_for_deletion_on: project.markedForDeletion ? "2026-12-01" : null,
    visibility: project.visibility,
    topics: project.topics,
    web_url: `${url}/${project.path}`,
    http_url_to_repo: `${url}/${project.path}.git`,
    namespace: { id: 0, full_path: namespace, path: namespace, kind: "group" },
    merge_requests_access_level: project.mergeRequestsAccess,
    merge_requests_enabled: project.mergeRequestsAccess !== "disabled",
    issues_access_level: project.issuesAccess,
    repository_access_level: project.repositoryAccess,
    builds_access_level: "enabled",
    ci_config_path: project.ciConfigPath,
    squash_option: "default_off",
    merge_method: "merge",
    remove_source_branch_after_merge: true,
    forked_from_project: project.forkedFrom === null ? null : { id: project.forkedFrom },
  };
}

/** Entities::Commit. */
export function presentCommit(commit: Commit): Record<string, unknown> {
  return {
    id: commit.sha,
    short_id: commit.sha.slice(0, 8),
    title: commit.message.split("\n")[0],
    message: commit.message,
    parent_ids: commit.parents,
    author_name: commit.author.name,
    author_email: commit.author.email,
    authored_date: commit.at,
    committer_name: commit.author.name,
    committer_email: commit.author.email,
    committed_date: commit.at,
    created_at: commit.at,
  };
}

/** Entities::MergeRequest; `full` adds what only a single one carries. */
export function presentMergeRequest(
  merge: MergeRequest,
  project: Project,
  options: { url: string; full: boolean },
): Record<string, unknown> {
  const target = project.repository.branches.get(merge.targetBranch);
  const conflicts =
    merge.state === "opened" &&
    target !== undefined &&
    project.repository.commits.has(merge.sha) &&
    project.repository.hasConflicts(merge.sha, target);
  const draft = /^(?:draft:|\[draft\]|\(draft\))/i.test(merge.title);
  const pipeline = project.pipelines.findLast((one) => one.sha === merge.sha);
  const single = {
    head_pipeline: pipeline ? presentPipeline(pipeline, project, options.url) : null,
    diff_refs: { base_sha: null, head_sha: merge.sha, start_sha: target ?? null },
    user: { can_merge: true },
  };
  return {
    ...presentIssuable(merge, project),
    source_branch: merge.sourceBranch,
    target_branch: merge.targetBranch,
    source_project_id: merge.sourceProjectId,
    target_project_id: project.id,
    reviewers: merge.reviewers.map(presentUser),
    draft,
    work_in_progress: draft,
    sha: merge.sha,
    merged_at: merge.mergedAt,
    merge_commit_sha: merge.mergeCommitSha,
    squash: merge.squash,
    force_remove_source_branch: merge.removeSourceBranch,
    has_conflicts: conflicts,
    merge_status: conflicts ? "cannot_be_merged" : "can_be_merged",
    detailed_merge_status: conflicts ? "conflict" : "mergeable",
    references: { short: `!${merge.iid}`, full: `${project.path}!${merge.iid}` },
    web_url: `${options.url}/${project.path}/-/merge_requests/${merge.iid}`,
    ...(options.full ? single : {}),
  };
}

/** Entities::Issue. */
export function presentIssue(issue: Issue, project: Project, url: string): Record<string, unknown> {
  return {
    ...presentIssuable(issue, project),
    references: { short: `#${issue.iid}`, full: `${project.path}#${issue.iid}` },
    web_url: `${url}/${project.path}/-/issues/${issue.iid}`,
  };
}

function presentIssuable(item: Issue, project: Project): Record<string, unknown> {
  return {
    id: item.id,
    iid: item.iid,
    project_id: project.id,
    title: item.title,
    description: item.description,
    state: item.state,
    author: presentUser(item.author),
    labels: item.labels,
    assignees: item.assignees.map(presentUser),
    assignee: item.assignees[0] ? presentUser(item.assignees[0]) : null,
    created_at: item.createdAt,
    updated_at: item.updatedAt,
    closed_at: item.closedAt,
    user_notes_count: item.notes.length,
  };
}

/** Entities::Note. */
export function presentNote(note: Note, parent: Issue): Record<string, unknown> {
  return {
    id: note.id,
    type: null,
    body: note.body,
    author: presentUser(note.author),
    created_at: note.createdAt,
    updated_at: note.updatedAt,
    system: note.system,
    noteable_iid: parent.iid,
    noteable_id: parent.id,
    resolvable: false,
    internal: false,
  };
}

/** Entities::Label. */
export function presentLabel(label: Label): Record<string, unknown> {
  const { id, name, color, description } = label;
  return { id, name, color, description, text_color: "#FFFFFF", is_project_label: true };
}

/** Entities::Ci::Pipeline. */
export function presentPipeline(
  pipeline: Pipeline,
  project: Project,
  url: string,
): Record<string, unknown> {
  const { id, iid, sha, ref, source, status, createdAt, jobs } = pipeline;
  const finished = jobs.flatMap((job) => job.finishedAt ?? []).toSorted();
  return {
    id,
    iid,
    project_id: project.id,
    sha,
    ref,
    source,
    status,
    created_at: createdAt,
    updated_at: finished.at(-1) ?? createdAt,
    started_at: createdAt,
    finished_at: finished.at(-1) ?? null,
    web_url: `${url}/${project.path}/-/pipelines/${id}`,
  };
}

/** Entities::Ci::Job and Entities::Ci::Bridge. */
export function presentJob(
  job: Job,
  place: { project: Project; pipeline: Pipeline; url: string },
): Record<string, unknown> {
  const { project, pipeline, url } = place;
  const downstream = job.downstream && {
    id: job.downstream.pipelineId,
    project_id: job.downstream.projectId,
    status: "success",
  };
  return {
    id: job.id,
    name: job.name,
    stage: job.stage,
    status: job.status,
    ref: pipeline.ref,
    tag: false,
    allow_failure: job.allowFailure,
    created_at: pipeline.createdAt,
    started_at: job.startedAt,
    finished_at: job.finishedAt,
    duration: null,
    web_url: `${url}/${project.path}/-/jobs/${job.id}`,
    pipeline: presentPipeline(pipeline, project, url),
    ...(job.bridge ? { downstream_pipeline: downstream } : {}),
  };
}

/** Entities::CommitStatus. */
export function presentStatus(status: CommitStatus): Record<string, unknown> {
  return {
    id: status.id,
    sha: status.sha,
    name: status.name,
    status: status.state,
    description: status.description,
    target_url: status.targetUrl,
    coverage: status.coverage,
    pipeline_id: status.pipelineId,
    allow_failure: false,
    author: presentUser(status.author),
  };
}
