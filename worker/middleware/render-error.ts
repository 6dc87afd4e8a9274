import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { type ErrorCode, RegistryError } from "../oci/error-code.ts";
import { LedgerError } from "../ledger/reader.ts";
import { StoreError } from "../store/errors.ts";
import { UpstreamError, type UpstreamFailure } from "../upstream/errors.ts";

/** Where an upstream names no time: short enough for a retry to be of use. */
const RETRY_AFTER_SECONDS = 5;
/** Docker Hub's limit has a window of hours, but a slot may come free any moment. */
const LIMIT_RETRY_AFTER_SECONDS = 60;

/**
 * Turns what was thrown into the spec's JSON. The only place that does.
 *
 * @see OCI distribution spec v1.1.1, "Error Codes"
 */
export function renderError(error: unknown, context: Context): Response {
  if (error instanceof RegistryError) return render(error.code, error);
  if (error instanceof UpstreamError) return renderUpstream(error, context.req.raw);
  if (error instanceof StoreError)
    return renderAway({ error, context, message: "the mirror's store is away" });
  if (error instanceof LedgerError)
    return renderAway({ error, context, message: "the mirror's records cannot be read just now" });
  // Hono's own refusals: a form of another site's, or one that is too long.
  if (error instanceof HTTPException)
    return error.status === 413
      ? render("SIZE_INVALID", { status: 413, message: "the form is too long" })
      : render("DENIED", { status: error.status, message: "the form came from elsewhere" });
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  // oxlint-disable-next-line no-console -- a Worker's log is its console
  console.error(
    JSON.stringify({ level: "error", message: "a request failed", name, reason: message, stack }),
  );
  return render(unknownCode(context.req.path), {
    status: 500,
    message: "the mirror failed; see its log",
  });
}

/** Only where nothing else could answer, as for the catalog and the API. */
function renderAway(away: {
  readonly error: StoreError | LedgerError;
  readonly context: Context;
  readonly message: string;
}): Response {
  const { error, context, message } = away;
  const { name, message: reason } = error;
  // oxlint-disable-next-line no-console -- a Worker's log is its console
  console.warn(JSON.stringify({ level: "warn", message, error: name, reason }));
  return render(unknownCode(context.req.path), {
    status: 503,
    message,
    headers: { "Retry-After": String(RETRY_AFTER_SECONDS) },
  });
}

function renderUpstream(error: UpstreamError, request: Request): Response {
  const { failure } = error;
  const { kind, upstream, status } = failure;
  const detail = { upstream, reason: kind, ...(status === undefined ? {} : { status }) };
  const limited = kind === "rate-limited";
  const wait =
    failure.retryAfterSeconds ?? (limited ? LIMIT_RETRY_AFTER_SECONDS : RETRY_AFTER_SECONDS);
  const code = limited ? "TOOMANYREQUESTS" : unknownCode(new URL(request.url).pathname);
  return render(code, {
    status: statusOf(failure, request.headers.get("User-Agent") ?? ""),
    message: error.message,
    detail,
    headers: { "Retry-After": String(wait) },
  });
}

/** Status is truth; only where the truth makes a client do the wrong thing is it bent, and never into a 4xx. */
function statusOf(failure: UpstreamFailure, userAgent: string): number {
  switch (failure.kind) {
    case "rate-limited":
      // containerd repeats a 429 five times at once, but leaves a mirror that answers 503 for the next host.
      return /^(?:containerd|docker)\//i.test(userAgent) ? 503 : 429;
    case "timeout":
      return 504;
    case "bad-response":
      return failure.status !== undefined && failure.status >= 500 ? failure.status : 502;
    case "unreachable":
    case "untrusted-host":
      return 502;
    case "credentials-refused":
      return 503;
    case "unauthorized":
      return 404;
  }
}

/** The spec has no code for "cannot tell now"; the resource's own says what is not to be had. */
function unknownCode(pathname: string): ErrorCode {
  if (pathname.includes("/manifests/")) return "MANIFEST_UNKNOWN";
  return pathname.includes("/blobs/") ? "BLOB_UNKNOWN" : "NAME_UNKNOWN";
}

interface Rendered {
  readonly status: number;
  readonly message: string;
  readonly detail?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function render(code: ErrorCode, rendered: Rendered): Response {
  const { status, message, detail, headers } = rendered;
  const body = { errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] };
  return Response.json(body, { status, headers: { ...headers, "Cache-Control": "no-store" } });
}
