/**
 * The Worker's HTTP side: access, then the distribution API and the pages, then one renderer of errors.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { RegistryError } from "./oci/error-code.ts";
import { requireAccess } from "./middleware/access.ts";
import { standardHeaders } from "./middleware/headers.ts";
import { renderError } from "./middleware/render-error.ts";
import { requireAdmin } from "./middleware/admin.ts";
import { type ApiDeps, getCatalogEntries, getPulls, getStats } from "./routes/api.ts";
import { getMetrics } from "./routes/metrics.ts";
import type { RouteDeps } from "./routes/context.ts";
import { serveDistribution } from "./routes/distribution.ts";
import { getSetup } from "./routes/setup.ts";
import { getStatusPage } from "./routes/status.ts";

/** What the app is made of; `routes` is called once per request. */
export interface AppDeps<Bindings extends object> {
  readonly config: {
    readonly open: boolean;
    readonly adminToken: string | null;
    readonly local: boolean;
  };
  readonly api: () => ApiDeps;
  readonly routes: (env: Bindings, waitUntil: (work: Promise<unknown>) => void) => RouteDeps;
}

/** Builds the app. HEAD needs no route of its own: handlers look at the request's method. */
export function createApp<Bindings extends object>(
  deps: AppDeps<Bindings>,
): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>();
  app.onError(renderError);
  app.notFound(() => {
    throw new RegistryError("NAME_UNKNOWN", { message: "there is nothing here" });
  });
  app.use(standardHeaders());
  // Before the rules for pulls: who has the token needs no other leave.
  const admin = requireAdmin(deps.config);
  app.use("/api/*", admin);
  app.use("/metrics", admin);
  app.get("/api/pulls", (context) => getPulls(deps.api(), context.req.raw));
  app.get("/api/catalog", (context) => getCatalogEntries(deps.api(), context.req.raw));
  app.get("/api/stats", (context) => getStats(deps.api(), context.req.raw));
  app.get("/metrics", () => getMetrics(deps.api()));
  app.use(requireAccess(deps.config));
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  const routesOf = (context: Context<{ Bindings: Bindings }>): RouteDeps =>
    deps.routes(context.env, (work) => context.executionCtx.waitUntil(work));
  app.get("/", (context) => getStatusPage(routesOf(context), context.req.raw));
  app.get("/setup", (context) => getSetup(context.req.raw));
  app.all("/v2/*", (context) => {
    const { pathname } = new URL(context.req.url);
    return serveDistribution(routesOf(context), context.req.raw, pathname);
  });
  return app;
}
