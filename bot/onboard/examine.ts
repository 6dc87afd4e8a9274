import { isGitLabError } from "../gitlab/errors.ts";
import { lintCommit, listMergeRequests } from "../gitlab/merge-requests.ts";
import { RemoteFiles } from "../gitlab/remote-files.ts";
import { findBranch } from "../gitlab/repository.ts";
import type { MergeRequest, Project } from "../gitlab/schema.ts";
import type { Layer } from "../files/types.ts";
import { createPlan, type Plan } from "../plan/plan.ts";
import { parseProjectConfig, PROJECT_CONFIG_PATH, type ProjectConfig } from "../project-config.ts";
import { BRANCH_NAME } from "../render/branch-name.ts";
import { digestEdits } from "../render/edit-digest.ts";
import { parseMarker } from "../render/marker.ts";
import { isRebuildAsked } from "../render/mr-body.ts";
import { proveOwn } from "./branch.ts";
import { decide, type Decision, type Facts, type OpenMergeRequest } from "./decide.ts";
import type { Wishes } from "./options.ts";
import type { Session } from "./session.ts";

/** A project looked at: the plan for it, and what to do. */
export interface Examination {
  readonly project: Project;
  readonly defaultBranch: string;
  readonly ciConfigPath: string;
  readonly files: RemoteFiles;
  readonly plan: Plan;
  readonly edit: string;
  readonly wishes: Wishes;
  readonly decision: Decision;
  readonly past: Facts["past"];
  /** Sentences for people: what could not be looked at. */
  readonly notes: readonly string[];
}

/** A project that says no for itself, or that says something unreadable. */
export interface Refusal {
  readonly status: "skipped" | "failed";
  readonly reason: string;
}

/** Codes of places that hide what the plan would otherwise know. */
const UNSURE = new Set(["unreadable", "unreadable-merged"]);

/**
 * Looks at a project: its files, its own wishes, its merge requests. Only reads.
 *
 * A project with nothing to do costs three calls, or four with a `.tidepool.yml` or many files.
 *
 * @throws {@link GitLabError} where GitLab refuses or fails
 */
export async function examine(
  session: Session,
  project: Project,
  kind: "project" | "runner-config",
): Promise<Examination | Refusal> {
  const { api, options } = session;
  const defaultBranch = project.defaultBranch ?? "";
  const ciConfigPath = project.ciConfigPath === "" ? ".gitlab-ci.yml" : project.ciConfigPath;
  // `path@group/project` and URLs: the configuration is another repository's.
  const isElsewhere = /^https?:\/\/|@/.test(ciConfigPath);
  const layers: readonly Layer[] =
    kind === "runner-config" ? ["ci", "daemon", "runner"] : options.layers;
  const deep = layers.some((layer) => layer !== "ci");
  const files = new RemoteFiles(api, project, { ref: defaultBranch, ciConfigPath, deep });
  const config = await readConfig(files);
  if ("problem" in config) {
    return { status: "failed", reason: `${PROJECT_CONFIG_PATH}: ${config.problem}` };
  }
  if (config.enabled === false) {
    return { status: "skipped", reason: `${PROJECT_CONFIG_PATH} says enabled: false` };
  }
  const only = config.layers ?? layers;
  const mergedYaml = await readMerged(session, { project, files, ciConfigPath, only });
  const plan = await createPlan(files, {
    mirror: options.mirror,
    only,
    ...(options.conflict === null ? {} : { conflict: options.conflict }),
    ...(mergedYaml === null ? {} : { mergedYaml }),
    ciConfigPath,
  });
  const merges = await listMergeRequests(api, project.id, BRANCH_NAME);
  const past = findPast(merges);
  const edit = digestEdits(plan);
  const isUnsure = files.isCut || plan.left.some((left) => UNSURE.has(left.code));
  const decision = decide({
    plan: { isEmpty: plan.files.length === 0, isUnsure, edit, base: files.base },
    open: await findOpen(session, project, merges),
    past,
    defaultBranch,
    reopen: options.reopen,
  });
  const notes = [
    ...(isElsewhere ? [`its CI configuration is ${ciConfigPath}, elsewhere`] : []),
    ...(files.isCut ? ["it has too many files to list: only the first were looked at"] : []),
  ];
  const wishes = combine(options.wishes, config);
  return { project, defaultBranch, ciConfigPath, files, plan, edit, wishes, decision, past, notes };
}

async function readConfig(files: RemoteFiles): Promise<ProjectConfig | { problem: string }> {
  if (!(await files.mayHave(PROJECT_CONFIG_PATH))) return {};
  const text = await files.read(PROJECT_CONFIG_PATH);
  return text === null ? {} : parseProjectConfig(text);
}

/** Words that stand before configuration from other repositories, whose dind services only GitLab can show. */
const FOREIGN_INCLUDE = /\b(?:project|template|component|remote)['"]?\s*:|https?:\/\//;

interface MergedQuery {
  readonly project: Project;
  readonly files: RemoteFiles;
  readonly ciConfigPath: string;
  readonly only: readonly Layer[];
}

/** GitLab's expanded configuration, where the project takes in others'; `null` where it does not, or may not be seen. */
async function readMerged({ api }: Session, query: MergedQuery): Promise<string | null> {
  const { project, files, ciConfigPath, only } = query;
  if (!only.includes("ci") || !(await files.mayHave(ciConfigPath))) return null;
  const text = await files.read(ciConfigPath);
  if (text === null || !/\binclude\b/.test(text) || !FOREIGN_INCLUDE.test(text)) return null;
  try {
    const result = await lintCommit(api, project.id, project.defaultBranch ?? "");
    return result.merged_yaml ?? null;
  } catch (error) {
    // Lint asks for Developer, while a dry run makes do with Reporter.
    if (isGitLabError(error, 401, 403, 404)) return null;
    throw error;
  }
}

function findPast(merges: readonly MergeRequest[]): Facts["past"] {
  const merge = merges.find(({ state }) => state === "closed" || state === "merged");
  return merge ? { merge, marker: parseMarker(merge.description) } : null;
}

async function findOpen(
  { api }: Session,
  project: Project,
  merges: readonly MergeRequest[],
): Promise<OpenMergeRequest | null> {
  const open = merges.filter(({ state }) => state === "opened" || state === "locked");
  const merge = open.find(({ description }) => parseMarker(description) !== null) ?? open[0];
  if (!merge) return null;
  const marker = parseMarker(merge.description);
  const known = { merge, marker, isRebuildAsked: isRebuildAsked(merge.description) };
  if (marker === null || merge.sha === marker.head) {
    return { ...known, head: "recorded", trailer: null };
  }
  const head = await findBranch(api, project.id, BRANCH_NAME);
  if (head?.sha === marker.head) return { ...known, head: "recorded", trailer: null };
  const trailer = head === null ? null : await proveOwn(api, project.id, head);
  return { ...known, head: trailer === null ? "foreign" : "own", trailer };
}

function combine(wishes: Wishes, config: ProjectConfig): Wishes {
  return {
    commitPrefix: config.commit_prefix ?? wishes.commitPrefix,
    draft: config.draft ?? wishes.draft,
    labels: config.labels ?? wishes.labels,
    reviewers: config.reviewers ?? wishes.reviewers,
    assignees: config.assignees ?? wishes.assignees,
  };
}
