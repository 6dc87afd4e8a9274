import type { MiddlewareHandler } from "hono";
import type { AccessVariables } from "./access.ts";

/** What is told of one request: no path, no query, no address, no header of the client's, and so no secret. */
export interface RequestRecord {
  readonly level: "info";
  readonly message: "request";
  readonly method: string;
  /** The path's shape, as in `/v2/<name>/blobs/<digest>`. */
  readonly route: string;
  readonly status: number;
  /** Where the content came from, as `X-Cache` says; `null` where it says nothing. */
  readonly outcome: string | null;
  /** Until the answer's headers. At Cloudflare clocks stand still while a script computes: it is the time of waiting. */
  readonly durationMs: number;
  /** The rule that let the client in; `null` for who was refused. */
  readonly rule: string | null;
  readonly token: string | null;
  /** Which of the token's secrets, from 1 in the order of `ACCESS_TOKENS`. */
  readonly secret: number | null;
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const KNOWN = new Set([
  "/",
  "/api/catalog",
  "/api/pulls",
  "/api/stats",
  "/healthz",
  "/login",
  "/logout",
  "/metrics",
  "/setup",
  "/v2",
  "/v2/",
  "/v2/_catalog",
]);

/** Tells of every request when its answer begins. */
export function logRequests(options: {
  readonly log: (record: RequestRecord) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}): MiddlewareHandler<{ Variables: Partial<AccessVariables> }> {
  const { log, now } = options;
  return async function logRequests(context, next) {
    const startMs = now();
    await next();
    const { method, path } = context.req;
    const identity = context.get("identity");
    log({
      level: "info",
      message: "request",
      method: METHODS.has(method) ? method : "other",
      route: shapeOf(path),
      status: context.res.status,
      outcome: context.res.headers.get("X-Cache")?.toLowerCase() ?? null,
      durationMs: now() - startMs,
      rule: identity?.rule ?? null,
      token: identity?.token ?? null,
      secret: identity?.secret ?? null,
    });
  };
}

/** Names the kind of a path, with nothing of what the client put into it. */
function shapeOf(path: string): string {
  if (KNOWN.has(path)) return path;
  if (!path.startsWith("/v2/")) return "other";
  const [, kind, last = ""] =
    /\/(manifests|blobs|referrers)\/([^/]*)$/.exec(path.slice(0, 2048)) ?? [];
  if (kind === "manifests")
    return `/v2/<name>/manifests/<${/:|%3a/i.test(last) ? "digest" : "tag"}>`;
  if (kind !== undefined) return `/v2/<name>/${kind}/<digest>`;
  return path.endsWith("/tags/list") ? "/v2/<name>/tags/list" : "/v2/<other>";
}
