import type { MiddlewareHandler } from "hono";
import { RegistryError } from "../oci/error-code.ts";

/** Answered to anybody: a health check, and the ping that tells nothing. */
const PUBLIC = new Set(["/healthz", "/v2", "/v2/"]);

/**
 * Keeps strangers out: a mirror that was deployed without `ACCESS` serves nobody.
 *
 * Refusals are 403 and never a 401 with a challenge, which an old dockerd would answer with the user's Docker Hub
 * password.
 */
export function requireAccess(config: { readonly open: boolean }): MiddlewareHandler {
  return async function requireAccess(context, next) {
    if (!config.open && !PUBLIC.has(context.req.path))
      throw new RegistryError("DENIED", {
        message: 'this mirror is closed; its operator can set the variable ACCESS to "open"',
      });
    await next();
  };
}
