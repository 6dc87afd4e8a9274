import type { MiddlewareHandler } from "hono";

/** Puts on every answer what registries and browsers look for. */
export function standardHeaders(): MiddlewareHandler {
  return async function standardHeaders(context, next) {
    await next();
    context.res.headers.set("X-Content-Type-Options", "nosniff");
    if (context.req.path.startsWith("/v2"))
      context.res.headers.set("Docker-Distribution-Api-Version", "registry/2.0");
  };
}
