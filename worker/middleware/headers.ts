import type { MiddlewareHandler } from "hono";

/** What is no page loads nothing, runs nothing and has no origin. Pages say themselves what they may. */
export const NO_PAGE = "default-src 'none'; sandbox";

/**
 * Puts on every answer what registries and browsers look for.
 *
 * What does not say how it may be kept may not be: a rule of access let this client see it and nobody else. `no-transform`
 * keeps the edge from compressing what clients hash, and from dropping `Content-Length` for it.
 */
export function standardHeaders(): MiddlewareHandler {
  return async function standardHeaders(context, next) {
    await next();
    const { headers } = context.res;
    headers.set("X-Content-Type-Options", "nosniff");
    // Images are other people's content: a browser that is led to some must find no page of the mirror's in it.
    if (!headers.has("Content-Security-Policy")) headers.set("Content-Security-Policy", NO_PAGE);
    if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store, no-transform");
    if (context.req.path.startsWith("/v2"))
      headers.set("Docker-Distribution-Api-Version", "registry/2.0");
  };
}
