import type { MiddlewareHandler } from "hono";
import { RegistryError } from "../oci/error-code.ts";

/**
 * Lets in who bears `ADMIN_TOKEN`; where none is set, anybody on a machine of one's own that is open, and nobody else.
 *
 * Refusals are 403: a 401's challenge would make a client send a password.
 */
export function requireAdmin(config: {
  readonly adminToken: string | null;
  readonly open: boolean;
  readonly local: boolean;
}): MiddlewareHandler {
  return async function requireAdmin(context, next) {
    const { adminToken, open, local } = config;
    if (adminToken === null) {
      if (!open || !local)
        throw new RegistryError("DENIED", {
          message: "the API is closed; the mirror's operator can set the secret ADMIN_TOKEN",
        });
    } else {
      const sent = /^Bearer +(\S+) *$/i.exec(context.req.header("Authorization") ?? "")?.[1];
      if (sent === undefined)
        throw new RegistryError("DENIED", {
          message: "the API wants the mirror's ADMIN_TOKEN as a bearer token",
        });
      if (!(await isSame(sent, adminToken)))
        throw new RegistryError("DENIED", { message: "this is not the mirror's ADMIN_TOKEN" });
    }
    if (context.req.method !== "GET" && context.req.method !== "HEAD")
      throw new RegistryError("UNSUPPORTED", { headers: { Allow: "GET, HEAD" } });
    await next();
  };
}

/** Compares digests of one length, in a time that tells nothing of either text. */
async function isSame(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([hash(a), hash(b)]);
  return crypto.subtle.timingSafeEqual(left, right);
}

async function hash(text: string): Promise<ArrayBuffer> {
  return await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
