import { canSee, roleIn, roleInGroup, visibleProject, type Actor } from "../access.ts";
import {
  flag,
  notFound,
  ok,
  paginate,
  paginateByKey,
  refuse,
  type Context,
  type Route,
} from "../http.ts";
import { ROLE, type Project } from "../model.ts";
import { presentProject } from "../present.ts";
import type { World } from "../world.ts";

/** Projects: one, all one may see, those of a group. */
export const PROJECT_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/projects/:id",
    anonymous: true,
    handle: (context) => {
      const { world, actor } = context;
      const project = visibleProject(world, actor, context.params["id"] ?? "");
      // `permissions` comes with a single project and with /projects, not with a group's list (lib/api/groups.rb).
      const shown = presentProject(project, instance(context));
      return ok({ ...shown, permissions: permissions(world, actor, project) });
    },
  },
  { method: "GET", path: "/projects", anonymous: true, handle: listProjects },
  { method: "GET", path: "/groups/:id/projects", handle: listGroupProjects },
  {
    method: "GET",
    path: "/groups/:id",
    handle: (context) => {
      const group = visibleGroup(context);
      return ok({ id: group.id, full_path: group.path, name: group.path, path: group.path });
    },
  },
];

/** The instance's own address, without `/api/v4`. */
function instance(context: Context): string {
  return context.externalUrl;
}

function permissions(world: World, actor: Actor, project: Project): Record<string, unknown> {
  const own = actor.user ? project.members.get(actor.user.id) : undefined;
  const all = roleIn(world, { ...actor }, project);
  const inherited = actor.user?.admin === true ? 0 : all;
  return {
    project_access: own === undefined ? null : { access_level: own, notification_level: 3 },
    group_access:
      inherited > (own ?? 0) ? { access_level: inherited, notification_level: 3 } : null,
  };
}

function filtered(context: Context, projects: readonly Project[]): Project[] {
  const { world, actor } = context;
  const archived = flag(context, "archived");
  const enabled = flag(context, "with_merge_requests_enabled");
  const minimum = Number(context.query.get("min_access_level") ?? ROLE.none);
  const topics = context.query.get("topic")?.split(",") ?? [];
  const after = Number(context.query.get("id_after") ?? 0);
  const chosen = projects.filter(
    (project) =>
      canSee(world, actor, project) &&
      roleIn(world, actor, project) >= minimum &&
      (archived === undefined || project.archived === archived) &&
      (enabled === undefined || (project.mergeRequestsAccess !== "disabled") === enabled) &&
      topics.every((topic) => project.topics.includes(topic)) &&
      project.id > after,
  );
  const order = context.query.get("sort") === "asc" ? 1 : -1;
  return chosen.toSorted((a, b) => order * (a.id - b.id));
}

function listProjects(context: Context) {
  const { world, actor } = context;
  const membership = flag(context, "membership") ?? false;
  const all = world.projects.filter(
    (project) => !membership || roleIn(world, actor, project) > ROLE.none,
  );
  const projects = filtered(context, all);
  const present = (project: Project) => ({
    ...presentProject(project, instance(context)),
    permissions: permissions(world, actor, project),
  });
  if (context.query.get("pagination") === "keyset") {
    return paginateByKey(context, projects, { cursor: "id_after", key: idOf, present });
  }
  return paginate(context, projects, present);
}

function idOf(project: Project): string {
  return String(project.id);
}

function visibleGroup(context: Context) {
  const { world, actor } = context;
  const id = context.params["id"] ?? "";
  const group = world.groups.find((one) => String(one.id) === id || one.path === id);
  if (actor.user === null) throw refuse(401, "401 Unauthorized");
  if (!group || roleInGroup(world, actor, group) === ROLE.none) throw notFound("Group");
  return group;
}

function listGroupProjects(context: Context) {
  const group = visibleGroup(context);
  const deep = flag(context, "include_subgroups") ?? false;
  const below = context.world.projects.filter((project) => {
    if (!project.path.startsWith(`${group.path}/`)) return false;
    return deep || !project.path.slice(group.path.length + 1).includes("/");
  });
  const simple = flag(context, "simple") ?? false;
  return paginate(context, filtered(context, below), (project) => {
    const shown = presentProject(project, instance(context));
    if (!simple) return shown;
    const { id, path_with_namespace, default_branch, web_url, topics } = shown;
    return { id, path_with_namespace, default_branch, web_url, topics };
  });
}
