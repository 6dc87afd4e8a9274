import type { Context, MiddlewareHandler } from "hono";
import { readAddress } from "../access/address.ts";
import type { Admin, AdminDecision } from "../access/admin.ts";
import { ADMIN, type ClientIdentity } from "../access/identity.ts";
import { RegistryError } from "../oci/error-code.ts";
import { hasSession } from "./session.ts";

/** What checking an admin takes. */
export interface AdminOptions {
  readonly admin: Admin;
  readonly local: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Lets in who bears `ADMIN_TOKEN`; where none is set, anybody on a machine of one's own that is open, and nobody else.
 *
 * Refusals are 403: a 401's challenge would make a client send a password.
 */
export function requireAdmin(
  options: AdminOptions,
): MiddlewareHandler<{ Variables: { readonly identity: ClientIdentity } }> {
  return async function requireAdmin(context, next) {
    const decision = await checkBearer(context, options);
    if (decision.kind !== "allowed") throw refuseAdmin(decision);
    context.set("identity", ADMIN);
    if (context.req.method !== "GET" && context.req.method !== "HEAD")
      throw new RegistryError("UNSUPPORTED", { headers: { Allow: "GET, HEAD" } });
    await next();
  };
}

/** Whether the request bears `ADMIN_TOKEN`, or comes from a session that was opened with it. */
export async function checkAdmin(context: Context, options: AdminOptions): Promise<AdminDecision> {
  const { token } = options.admin;
  if (token !== null && (await hasSession(context, token, options.now())))
    return { kind: "allowed" };
  return await checkBearer(context, options);
}

async function checkBearer(context: Context, options: AdminOptions): Promise<AdminDecision> {
  const sent = /^Bearer +(\S+) *$/i.exec(context.req.header("Authorization") ?? "")?.[1];
  const address = readAddress(context.req.raw, options.local);
  return await options.admin.check(sent ?? null, address);
}

/** Says what is missing, and no more. */
export function refuseAdmin(decision: Exclude<AdminDecision, { kind: "allowed" }>): RegistryError {
  switch (decision.kind) {
    case "closed":
      return new RegistryError("DENIED", {
        message:
          "status page, API and metrics are closed; the mirror's operator can set the secret ADMIN_TOKEN",
      });
    case "absent":
      return new RegistryError("DENIED", {
        message: "the API wants the mirror's ADMIN_TOKEN as a bearer token",
      });
    case "wrong":
      return new RegistryError("DENIED", { message: "this is not the mirror's ADMIN_TOKEN" });
    case "limited":
      return new RegistryError("TOOMANYREQUESTS", {
        message: "too many wrong secrets from this address",
        headers: { "Retry-After": String(decision.retryAfterSeconds) },
      });
  }
}
