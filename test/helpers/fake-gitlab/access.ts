import { ApiError, forbidden, notFound, refuse } from "./http.ts";
import { ROLE, type Group, type Project, type Token, type User } from "./model.ts";
import type { World } from "./world.ts";

/** Who asks: a user by a token, or nobody. */
export interface Actor {
  readonly user: User | null;
  readonly token: Token | null;
}

/**
 * Finds who asks by `PRIVATE-TOKEN`, `Authorization: Bearer` or `private_token`.
 *
 * Bodies of 401 are those of lib/api/api_guard.rb (OAuth style) and of `unauthorized!` for a token nobody knows.
 */
export function authenticate(
  world: World,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Actor {
  const bearer = /^Bearer (.+)$/i.exec(String(headers["authorization"] ?? ""))?.[1];
  const secret = headers["private-token"] ?? bearer;
  if (secret === undefined) return { user: null, token: null };
  const token = world.tokens.find((one) => one.secret === secret);
  if (!token) throw refuse(401, "401 Unauthorized");
  if (token.revoked) {
    throw invalidToken("Token was revoked. You have to re-authorize from the user.");
  }
  if (token.expiresAt !== null && token.expiresAt <= world.now().slice(0, 10)) {
    throw invalidToken("Token is expired. You can either do re-authorization or token refresh.");
  }
  return { user: token.user, token };
}

function invalidToken(description: string): ApiError {
  return new ApiError(401, { error: "invalid_token", error_description: description });
}

/** Refuses a token without any of `scopes`: 403 `insufficient_scope` (lib/api/api_guard.rb). */
export function requireScope(actor: Actor, scopes: readonly string[]): void {
  if (actor.token === null || scopes.some((scope) => actor.token?.scopes.includes(scope))) return;
  throw new ApiError(403, {
    error: "insufficient_scope",
    error_description: "The request requires higher privileges than provided by the access token.",
    scope: scopes.join(" "),
  });
}

/** The actor's role in a project: the highest of its own and of every group above it. */
export function roleIn(world: World, actor: Actor, project: Project): number {
  if (actor.user === null) return ROLE.none;
  if (actor.user.admin) return ROLE.owner;
  const id = actor.user.id;
  let role = project.members.get(id) ?? ROLE.none;
  for (const group of world.groups) {
    if (project.path.startsWith(`${group.path}/`))
      role = Math.max(role, group.members.get(id) ?? 0);
  }
  return role;
}

/** The actor's role in a group, inherited from the groups above. */
export function roleInGroup(world: World, actor: Actor, group: Group): number {
  if (actor.user === null) return ROLE.none;
  if (actor.user.admin) return ROLE.owner;
  const id = actor.user.id;
  return Math.max(
    ROLE.none,
    ...world.groups
      .filter((one) => group.path === one.path || group.path.startsWith(`${one.path}/`))
      .map((one) => one.members.get(id) ?? ROLE.none),
  );
}

/** Says whether the actor may know that the project exists. */
export function canSee(world: World, actor: Actor, project: Project): boolean {
  if (project.visibility === "public") return true;
  if (project.visibility === "internal") return actor.user !== null;
  return roleIn(world, actor, project) >= ROLE.guest;
}

/** Finds a project by id or full path; one that may not be seen does not exist: 404, never 403. */
export function visibleProject(world: World, actor: Actor, idOrPath: string): Project {
  const project = world.findProject(idOrPath);
  if (project && canSee(world, actor, project)) return project;
  // An anonymous caller of a hidden project is told to sign in (`find_project!` → `unauthorized!`).
  if (actor.user === null) throw refuse(401, "401 Unauthorized");
  throw notFound("Project");
}

/** Refuses with 403 where the actor's role is below `role`. */
export function requireRole(world: World, actor: Actor, [project, role]: [Project, number]): void {
  if (actor.user === null && role > ROLE.none) throw refuse(401, "401 Unauthorized");
  if (roleIn(world, actor, project) < role) throw forbidden();
}

/** Refuses those who may not read the code: members below Reporter of what is not public. */
export function requireCode(world: World, actor: Actor, project: Project): void {
  if (project.repositoryAccess === "disabled") throw forbidden();
  const open = project.visibility !== "private" && project.repositoryAccess === "enabled";
  if (open) return;
  requireRole(world, actor, [project, ROLE.reporter]);
}
