import { notFound, ok, paginate, refuse, type Context, type Route } from "../http.ts";
import { ROLE } from "../model.ts";
import { roleIn, visibleProject } from "../access.ts";
import { presentUser } from "../present.ts";

/** `/user`, `/users`, `/personal_access_tokens/self`, `/version`, `/metadata`, members. */
export const USER_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/user",
    scopes: ["api", "read_api", "read_user"],
    handle: (context) => {
      const { user } = context.actor;
      if (!user) throw refuse(401, "401 Unauthorized");
      // Absolute, and of the instance's own making: python-gitlab compares it with the address it was given.
      const web_url = `${context.externalUrl}/${user.username}`;
      return ok({ ...presentUser(user), email: user.email, web_url });
    },
  },
  {
    method: "GET",
    path: "/users",
    scopes: ["api", "read_api", "read_user"],
    handle: (context) => {
      const username = context.query.get("username")?.toLowerCase();
      const users = context.world.users.filter(
        (user) => username === undefined || user.username.toLowerCase() === username,
      );
      return paginate(context, users, presentUser);
    },
  },
  {
    // Any scope suffices to look at one's own token (lib/api/personal_access_tokens/self_information.rb).
    method: "GET",
    path: "/personal_access_tokens/self",
    scopes: [],
    handle: selfToken,
  },
  { method: "GET", path: "/version", scopes: ["api", "read_api", "read_user"], handle: version },
  { method: "GET", path: "/metadata", scopes: ["api", "read_api", "read_user"], handle: version },
  { method: "GET", path: "/projects/:id/members/all/:user_id", handle: member },
  {
    method: "GET",
    path: "/projects/:id/members/all",
    handle: (context) => {
      const project = visibleProject(context.world, context.actor, context.params["id"] ?? "");
      const users = context.world.users.filter(
        (user) => roleIn(context.world, { user, token: null }, project) > ROLE.none,
      );
      return paginate(context, users, (user) => ({
        ...presentUser(user),
        access_level: roleIn(context.world, { user, token: null }, project),
      }));
    },
  },
];

function selfToken(context: Context) {
  const { token } = context.actor;
  if (!token) throw refuse(401, "401 Unauthorized");
  return ok({
    id: token.id,
    name: token.name,
    revoked: token.revoked,
    active: true,
    scopes: token.scopes,
    user_id: token.user.id,
    expires_at: token.expiresAt,
  });
}

function version(context: Context) {
  return ok({
    version: context.world.version,
    revision: "0000000",
    enterprise: false,
    kas: { enabled: false },
  });
}

function member(context: Context) {
  const project = visibleProject(context.world, context.actor, context.params["id"] ?? "");
  const user = context.world.users.find((one) => String(one.id) === context.params["user_id"]);
  const role = user ? roleIn(context.world, { user, token: null }, project) : ROLE.none;
  if (!user || role === ROLE.none) throw notFound();
  return ok({ ...presentUser(user), access_level: role, membership_state: "active" });
}
