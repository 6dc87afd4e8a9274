import type { MiddlewareHandler } from "hono";
import type { Access, AccessDecision } from "../access/access.ts";
import { readAddress } from "../access/address.ts";
import { ADMIN, type ClientIdentity } from "../access/identity.ts";
import { splitPath } from "../access/place.ts";
import { type AdminOptions, checkAdmin } from "./admin.ts";
import { RegistryError } from "../oci/error-code.ts";

/** What the middleware leaves in the request's context. */
export interface AccessVariables {
  readonly identity: ClientIdentity;
  /** `/t/<secret>` where a right secret stood in the path, else `""`: what a text for this very client begins with. */
  readonly ownPath: string;
}

/** Answered to anybody: a health check, and the ping that tells nothing. With a secret in the path it is no bare ping. */
const PUBLIC = new Set(["/healthz", "/v2", "/v2/"]);

/** Opened by `ADMIN_TOKEN` too: what the status page links to and the bot reads. It opens no image. */
const ADMIN_READS = new Set(["/setup", "/v2/_catalog"]);

/** What is wrong, and who can mend it. No secret, no path. */
const REFUSALS = {
  closed: "this mirror is closed; its operator can say in the variable ACCESS who may use it",
  "no-secret":
    "this mirror serves its own clients alone; its operator can tell you how to become one",
  "wrong-secret": "this mirror does not know that secret; its operator can give you another",
  expired: "that secret's time is over; the mirror's operator can give you another",
} as const;

/**
 * Keeps strangers out: a mirror that was deployed without `ACCESS` serves nobody.
 *
 * Refusals are 403 and never a 401 with a challenge, which an old dockerd would answer with the user's Docker Hub
 * password.
 */
export function requireAccess(
  options: AdminOptions & { readonly access: Access },
): MiddlewareHandler<{ Variables: AccessVariables }> {
  const { access, local } = options;
  return async function requireAccess(context, next) {
    const { raw } = context.req;
    const url = URL.parse(raw.url);
    if (url === null)
      throw new RegistryError("UNSUPPORTED", {
        status: 400,
        message: "the Host header is not the name of a host",
      });
    const decision = await access.check(url, raw.headers, readAddress(raw, local));
    const isPublic = PUBLIC.has(url.pathname);
    if (decision.kind === "allowed") {
      if (decision.place !== "path" && isOthersName(url)) throw new RegistryError("NAME_UNKNOWN");
      context.set("identity", decision.identity);
      const { secret } = splitPath(url.pathname);
      context.set("ownPath", decision.place === "path" ? `/t/${secret ?? ""}` : "");
    } else if (isPublic) {
      context.set("identity", { rule: "public", token: null });
      context.set("ownPath", "");
    } else if (
      ADMIN_READS.has(context.req.path) &&
      (await checkAdmin(context, options)).kind === "allowed"
    ) {
      context.set("identity", ADMIN);
      context.set("ownPath", "");
    } else throw refusal(decision);
    await next();
    // Said with a 200: skopeo and Podman send a login only to a registry that named a scheme, and dockerd, which would
    // send Docker Hub's password, looks at no challenge but a 401's.
    if (isPublic && access.hasTokens && url.pathname !== "/healthz")
      context.res.headers.set("WWW-Authenticate", 'Basic realm="tidepool", charset="UTF-8"');
  };
}

/**
 * Whether a path that has no right secret may be the name of a repository `t/<name>/…` at the registry that `ns` names:
 * parted, it would be another one's there, and whole, a mistyped secret would be told to that registry.
 */
function isOthersName({ pathname, searchParams }: URL): boolean {
  const hasSecretInName = pathname.startsWith("/v2/t/") && splitPath(pathname).secret !== null;
  return hasSecretInName && searchParams.has("ns");
}

function refusal(decision: Exclude<AccessDecision, { kind: "allowed" }>): RegistryError {
  if (decision.kind === "refused")
    return new RegistryError("DENIED", { message: REFUSALS[decision.reason] });
  return new RegistryError("TOOMANYREQUESTS", {
    message: "too many wrong secrets from this address",
    headers: { "Retry-After": String(decision.retryAfterSeconds) },
  });
}
