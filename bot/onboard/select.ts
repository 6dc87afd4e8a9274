import type { Api } from "../gitlab/api.ts";
import { isGitLabError } from "../gitlab/errors.ts";
import {
  DEVELOPER,
  findProject,
  listGroupProjects,
  listIdsByRole,
  listMemberProjects,
  readRole,
  REPORTER,
} from "../gitlab/projects.ts";
import type { Project, User } from "../gitlab/schema.ts";
import type { OnboardOptions } from "./options.ts";
import { matchesPattern } from "./path-pattern.ts";

/** A project of the run: to be worked on, or the reason why not. */
export type Selected =
  | { readonly kind: "project" | "runner-config"; readonly project: Project }
  | { readonly kind: "skip"; readonly path: string; readonly reason: string }
  | { readonly kind: "missing"; readonly path: string };

/** Who asks, and for what. */
export interface Selection {
  readonly api: Api;
  readonly user: User;
  readonly options: OnboardOptions;
}

/**
 * Finds the projects of a run, each once, as GitLab lists them: runner configuration, then those named, then groups.
 *
 * Without a named project or group all projects of the token's user are looked through, and a filter is needed:
 * anybody can invite a bot to a project (Renovate's reason for the same rule).
 */
export async function* selectProjects(selection: Selection): AsyncGenerator<Selected> {
  const { options } = selection;
  const seen = new Set<number>();
  for await (const found of candidates(selection)) {
    if (found.kind === "missing") {
      yield found;
      continue;
    }
    const { project, hasRole } = found;
    if (seen.has(project.id)) continue;
    if (found.kind === "listed" && !isWanted(project, options)) continue;
    seen.add(project.id);
    const reason = whyNot(project) ?? (await hasRole());
    if (reason !== null) yield { kind: "skip", path: project.path, reason };
    else yield { kind: found.kind === "runner-config" ? "runner-config" : "project", project };
  }
}

/** A project with the question, asked only if needed, whether the bot's role is too low: the reason, or `null`. */
interface Candidate {
  readonly kind: "runner-config" | "named" | "listed";
  readonly project: Project;
  readonly hasRole: () => Promise<string | null>;
}

async function* candidates(
  selection: Selection,
): AsyncGenerator<Candidate | { readonly kind: "missing"; readonly path: string }> {
  const { api, options } = selection;
  yield* named(selection, "runner-config");
  yield* named(selection, "named");
  const role = neededRole(options);
  for (const group of options.groups) {
    const ids = await findIds(api, group, role);
    if (ids === null) {
      yield { kind: "missing", path: group };
      continue;
    }
    for await (const page of listGroupProjects(api, group)) {
      for (const project of page) {
        const reason = ids.has(project.id) ? null : lowRole(role);
        yield { kind: "listed", project, hasRole: () => Promise.resolve(reason) };
      }
    }
  }
  const isNamed =
    options.projects.length + options.groups.length + options.runnerConfigs.length > 0;
  if (isNamed) return;
  for await (const page of listMemberProjects(api)) {
    for (const project of page) {
      yield { kind: "listed", project, hasRole: () => askRole(selection, project) };
    }
  }
}

/** `null` where there is no such group, or it may not be seen. */
async function findIds(api: Api, group: string, role: number): Promise<Set<number> | null> {
  try {
    return await listIdsByRole(api, group, role);
  } catch (error) {
    if (isGitLabError(error, 404)) return null;
    throw error;
  }
}

async function* named(selection: Selection, kind: "runner-config" | "named") {
  const { api, options } = selection;
  for (const path of kind === "named" ? options.projects : options.runnerConfigs) {
    const project = await findProject(api, path);
    if (project === null) yield { kind: "missing" as const, path };
    else yield { kind, project, hasRole: () => askRole(selection, project) };
  }
}

function isWanted(project: Project, { filters, topics }: OnboardOptions): boolean {
  const named = filters.length === 0 || filters.some((one) => matchesPattern(one, project.path));
  return named && topics.every((topic) => project.topics.includes(topic));
}

/** Why a project is not for the bot, whoever asks; `null` where it is. */
function whyNot(project: Project): string | null {
  if (project.isBeingDeleted) return "is being deleted";
  if (project.isArchived) return "is archived";
  if (project.isMirror) return "is a mirror of another repository, which would undo the edit";
  if (!project.hasRepository) return "has its repository turned off";
  if (project.isEmpty || project.defaultBranch === null) return "has no commit yet";
  if (!project.hasMergeRequests) return "has merge requests turned off";
  return null;
}

function neededRole(options: OnboardOptions): number {
  return options.dryRun ? REPORTER : DEVELOPER;
}

function lowRole(role: number): string {
  return `the bot's role is below ${role === DEVELOPER ? "Developer" : "Reporter"}`;
}

async function askRole(
  { api, user, options }: Selection,
  project: Project,
): Promise<string | null> {
  const needed = neededRole(options);
  // Access through an invited group is not in `permissions`, so that a low answer is asked again by name.
  const told = project.role ?? 0;
  const role = told >= needed ? told : await readRole(api, project.id, user.id);
  return role >= needed ? null : lowRole(needed);
}
