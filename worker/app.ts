/**
 * The Worker's HTTP side: access, then the distribution API and the pages, then one renderer of errors.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { csrf } from "hono/csrf";
import type { Access } from "./access/access.ts";
import { ADMIN, type ClientIdentity } from "./access/identity.ts";
import { splitPath } from "./access/place.ts";
import { RegistryError } from "./oci/error-code.ts";
import { type AccessVariables, requireAccess } from "./middleware/access.ts";
import { standardHeaders } from "./middleware/headers.ts";
import { MAX_WAITING, refuseOverload } from "./middleware/overload.ts";
import { renderError } from "./middleware/render-error.ts";
import { type AdminOptions, requireAdmin } from "./middleware/admin.ts";
import { type RequestRecord, logRequests } from "./middleware/request-log.ts";
import { type ApiDeps, getCatalogEntries, getPulls, getStats } from "./routes/api.ts";
import { getMetrics } from "./routes/metrics.ts";
import type { RouteDeps } from "./routes/context.ts";
import { serveDistribution } from "./routes/distribution.ts";
import { askLogin, logIn, logOut } from "./routes/login.ts";
import { getSetup } from "./routes/setup.ts";
import { getStatusPage } from "./routes/status.ts";

/** What the app is made of; `routes` is called once per request. */
export interface AppDeps<Bindings extends object> {
  readonly access: Access;
  readonly admin: AdminOptions;
  /** `null` where requests are not logged. */
  readonly log: ((record: RequestRecord) => void) | null;
  /** Cloudflare's id of the deployed version; `null` anywhere else. */
  readonly version: string | null;
  /** The host that is asked in Docker Hub's place; `null` where none is. */
  readonly upstream: string | null;
  readonly api: () => ApiDeps;
  readonly routes: (env: Bindings, request: RequestParts) => RouteDeps;
}

/** What of one request its routes are made with. */
export interface RequestParts {
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly identity: ClientIdentity;
}

/** 4 KiB: a form of one field. */
const MAX_FORM = 4096;

/** Builds the app. HEAD needs no route of its own: handlers look at the request's method. */
export function createApp<Bindings extends object>(
  deps: AppDeps<Bindings>,
): Hono<{ Bindings: Bindings; Variables: AccessVariables }> {
  type Env = { Bindings: Bindings; Variables: AccessVariables };
  const app = new Hono<Env>({ getPath });
  app.onError(renderError);
  app.notFound(() => {
    throw new RegistryError("NAME_UNKNOWN", { message: "there is nothing here" });
  });
  const routesOf = (context: Context<Env>): RouteDeps =>
    deps.routes(context.env, {
      waitUntil: (work) => context.executionCtx.waitUntil(work),
      identity: context.get("identity"),
    });
  if (deps.log !== null) app.use(logRequests({ log: deps.log, now: deps.admin.now }));
  app.use(standardHeaders());
  // Before the rules for pulls: who has the token needs no other leave, and who may pull sees none of it.
  const guard = requireAdmin(deps.admin);
  app.use("/api/*", guard);
  app.use("/metrics", guard);
  app.get("/api/pulls", (context) => getPulls(deps.api(), context.req.raw));
  app.get("/api/catalog", (context) => getCatalogEntries(deps.api(), context.req.raw));
  app.get("/api/stats", (context) => getStats(deps.api(), context.req.raw));
  app.get("/metrics", () => getMetrics(deps.api()));
  app.get("/", async (context) => {
    const form = await askLogin(context, deps.admin);
    if (form !== null) return form;
    context.set("identity", ADMIN);
    return await getStatusPage(routesOf(context), context.req.raw, {
      upstream: deps.upstream,
      isClosed: deps.access.isClosed,
      hasTokens: deps.access.hasTokens,
      needsSecret: deps.access.needsSecret,
      canLogOut: !deps.admin.admin.isOpen,
    });
  });
  // A form of another site's must not log anybody in or out.
  app.post("/login", csrf(), bodyLimit({ maxSize: MAX_FORM }), (context) =>
    logIn(context, deps.admin),
  );
  app.post("/logout", csrf(), logOut);
  app.use(requireAccess({ access: deps.access, ...deps.admin }));
  // A deployment has to know when it is the new version that answers. The id opens nothing.
  app.get("/healthz", (context) => {
    if (deps.version !== null) context.header("X-Tidepool-Version", deps.version);
    return context.json({ status: "ok" });
  });
  app.get("/setup", (context) => getSetup(context.req.raw, context.get("ownPath")));
  // Who is no stranger; pages and the API stay within reach.
  app.use("/v2/*", refuseOverload({ maxWaiting: MAX_WAITING, now: deps.admin.now }));
  app.all("/v2/*", (context) =>
    serveDistribution(routesOf(context), context.req.raw, context.req.path),
  );
  return app;
}

/** Routes never see the secret that a path may hold. A made-up `Host` header leaves no URL to read. */
function getPath(request: Request): string {
  return splitPath(URL.parse(request.url)?.pathname ?? "").path;
}
