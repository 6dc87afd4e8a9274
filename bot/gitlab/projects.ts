import { readAnswer, readList, readPages, type Api } from "./api.ts";
import { isGitLabError } from "./errors.ts";
import { Member, Project, ProjectId, User } from "./schema.ts";

/** May read code and merge requests; the number is GitLab's. */
export const REPORTER = 20;
/** May push and open merge requests. */
export const DEVELOPER = 30;

/** Every project below a group, in pages; shared ones belong to another group and are left out. */
export function listGroupProjects(api: Api, group: string): AsyncGenerator<Project[]> {
  return readPages(api, {
    path: `groups/${encodeURIComponent(group)}/projects`,
    // By id: a project that appears or changes meanwhile moves no other to a page already read.
    query: { include_subgroups: true, with_shared: false, order_by: "id", sort: "asc" },
    item: Project,
  });
}

/**
 * The numbers of a group's projects in which the token's user has at least `role`.
 *
 * A group's list does not tell one's role in each project, and leaving the others out would leave them unexplained.
 */
export async function listIdsByRole(api: Api, group: string, role: number): Promise<Set<number>> {
  const ids = new Set<number>();
  const pages = readPages(api, {
    path: `groups/${encodeURIComponent(group)}/projects`,
    query: {
      include_subgroups: true,
      with_shared: false,
      order_by: "id",
      sort: "asc",
      simple: true,
      min_access_level: role,
    },
    item: ProjectId,
  });
  for await (const page of pages) for (const { id } of page) ids.add(id);
  return ids;
}

/** Every project the token's user is a member of, in pages. */
export function listMemberProjects(api: Api): AsyncGenerator<Project[]> {
  return readPages(api, {
    path: "projects",
    query: { membership: true, pagination: "keyset", order_by: "id", sort: "asc" },
    item: Project,
  });
}

/** One project by its full path; `null` where it does not exist or may not be seen, which GitLab does not tell apart. */
export async function findProject(api: Api, path: string): Promise<Project | null> {
  try {
    return readAnswer(`GET projects/${path}`, Project, await api.rest.Projects.show(path));
  } catch (error) {
    if (isGitLabError(error, 404)) return null;
    throw error;
  }
}

/** The role of a user in a project, however it comes about; 0 without membership. */
export async function readRole(api: Api, projectId: number, userId: number): Promise<number> {
  const request = `GET projects/${projectId}/members/all/${userId}`;
  try {
    const member = await api.rest.ProjectMembers.show(projectId, userId, {
      includeInherited: true,
    });
    return readAnswer(request, Member, member).access_level;
  } catch (error) {
    if (isGitLabError(error, 403, 404)) return 0;
    throw error;
  }
}

/** Finds a user by name; `null` where there is none. */
export async function findUser(api: Api, username: string): Promise<User | null> {
  const users = await readList(api, { path: "users", query: { username }, item: User });
  return users[0] ?? null;
}
