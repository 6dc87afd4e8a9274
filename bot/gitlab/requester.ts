/**
 * How requests reach GitLab, in the place of gitbeaker's own handler.
 *
 * gitbeaker 43.8.0 repeats POSTs after a 502, makes ten tries within a third of a second, and does not read
 * `Retry-After` (its issue #3805); fetch would carry `PRIVATE-TOKEN` over a redirect to another host.
 *
 * @module
 */
import { createRequesterFn } from "@gitbeaker/requester-utils";
import type {
  FormattedResponse,
  RequesterType,
  RequestOptions,
  ResourceOptions,
} from "@gitbeaker/requester-utils";
import { parseNextLink } from "../../worker/oci/link.ts";
import type { Clock } from "./clock.ts";
import { GitLabError, readDetail } from "./errors.ts";
import type { Gate } from "./gate.ts";
import { judge, type Attempt } from "./retry.ts";

/** What the requester needs from outside. */
export interface RequesterPorts {
  readonly clock: Clock;
  readonly gate: Gate;
  /** Ends everything: requests under way and waits. */
  readonly signal?: AbortSignal;
}

/** 60 s for one attempt: GitLab itself gives up after that (its request timeout). */
const ATTEMPT_DEADLINE_MS = 60_000;
/** 32 MiB: three times the largest file GitLab's API hands out in one answer. */
const MAX_BODY = 32 * 1024 * 1024;
/** A project that moved, and http to https: two redirects at most. */
const MAX_REDIRECTS = 2;

const API_ROOT = "/api/v4/";

interface Request {
  readonly endpoint: string;
  readonly method: string;
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  readonly asStream: boolean;
}

/** Makes the function that gitbeaker's resources send their requests through. */
export function createRequester(
  ports: RequesterPorts,
): (service: ResourceOptions) => RequesterType {
  return createRequesterFn(
    (_, options) => Promise.resolve(options),
    (endpoint, options) => send(toRequest(endpoint, options ?? {}), ports),
  );
}

function toRequest(endpoint: string, options: Record<string, unknown>): Request {
  const { prefixUrl, searchParams, method, headers, body, asStream } = options as RequestOptions;
  const base = prefixUrl ?? "";
  const url = new URL(endpoint, base.endsWith("/") ? base : `${base}/`);
  url.search = searchParams ?? "";
  // gitbeaker puts a part of some paths into the prefix.
  const start = url.pathname.indexOf(API_ROOT);
  return {
    endpoint: url.pathname.slice(start + API_ROOT.length),
    url,
    method: method ?? "GET",
    headers: headers ?? {},
    body: typeof body === "string" ? body : undefined,
    asStream: asStream === true,
  };
}

async function send(request: Request, ports: RequesterPorts): Promise<FormattedResponse> {
  const failures = { limited: 0, failed: 0 };
  for (;;) {
    const outcome = await ports.gate.run(() => attempt(request, ports));
    if ("reply" in outcome) return outcome.reply;
    const kind = outcome.status === 429 ? "limited" : "failed";
    failures[kind] += 1;
    const { method, endpoint } = request;
    const made: Attempt = { ...outcome, method, endpoint, failures: failures[kind] };
    const { waitMs, shared, effect } = judge(made, ports.clock);
    if (waitMs === null) {
      const { status, detail, cause } = outcome;
      const what = { request: `${method} ${endpoint}`, status, effect, detail };
      throw new GitLabError(what, { cause });
    }
    if (shared) ports.gate.pause(waitMs);
    else await ports.clock.sleep(waitMs, ports.signal);
  }
}

interface Failure extends Pick<Attempt, "status" | "retryAfter" | "detail"> {
  readonly cause?: unknown;
}

async function attempt(
  request: Request,
  ports: RequesterPorts,
): Promise<{ readonly reply: FormattedResponse } | Failure> {
  ports.signal?.throwIfAborted();
  // Aborted by hand and not by AbortSignal.timeout: a log that streams may take longer than its first byte.
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort(new Error(`no answer within ${ATTEMPT_DEADLINE_MS / 1000} s`));
  }, ATTEMPT_DEADLINE_MS);
  const signals = ports.signal ? [deadline.signal, ports.signal] : [deadline.signal];
  try {
    const response = await follow(request, AbortSignal.any(signals));
    if (!response.ok) return await readFailure(response, request);
    return { reply: await readReply(response, request) };
  } catch (error) {
    ports.signal?.throwIfAborted();
    if (error instanceof GitLabError) throw error;
    return { status: null, retryAfter: null, detail: describeNetwork(error), cause: error };
  } finally {
    clearTimeout(timer);
  }
}

/** Follows redirects by hand: only of reading, only within GitLab's own origin. */
async function follow(request: Request, signal: AbortSignal): Promise<Response> {
  const { method, headers, body } = request;
  let url = request.url;
  for (let hops = 0; ; hops += 1) {
    const init: RequestInit = { method, headers, signal, redirect: "manual" };
    if (body !== undefined && method !== "GET") init.body = body;
    const response = await fetch(url, init);
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    const target = new URL(location, url);
    if (method !== "GET" || hops >= MAX_REDIRECTS || target.origin !== url.origin) {
      throw refusal(
        request,
        response.status,
        `it redirects to ${target.origin}; is GITLAB_URL right?`,
      );
    }
    url = target;
  }
}

function refusal(request: Request, status: number, detail: string): GitLabError {
  const { method, endpoint } = request;
  return new GitLabError({ request: `${method} ${endpoint}`, status, effect: "none", detail });
}

async function readFailure(response: Response, request: Request): Promise<Failure> {
  const detail = readDetail(await readText(response));
  const token = request.headers["private-token"];
  return {
    status: response.status,
    retryAfter: response.headers.get("retry-after"),
    // GitLab never repeats a token; a proxy that prints the headers it got might.
    detail: token === undefined || token === "" ? detail : detail.replaceAll(token, "[token]"),
  };
}

async function readReply(response: Response, request: Request): Promise<FormattedResponse> {
  const headers = Object.fromEntries(response.headers);
  const { status } = response;
  refuseForeignPage(response, request);
  if (request.asStream) {
    return { status, headers, body: response.body ?? new ReadableStream() };
  }
  if (status === 204) return { status, headers, body: null };
  const text = await readText(response);
  const type = response.headers.get("content-type")?.split(";")[0]?.trim();
  if (type !== "application/json") return { status, headers, body: text };
  try {
    return { status, headers, body: JSON.parse(text) as Record<string, unknown> };
  } catch {
    throw refusal(request, status, "the answer is no JSON");
  }
}

/**
 * A next page on another host would get the token, or be quietly left out.
 *
 * Instances whose `external_url` differs from the address they are reached by send such links.
 */
function refuseForeignPage(response: Response, request: Request): void {
  const next = parseNextLink(response.headers.get("link") ?? "");
  if (next === null) return;
  const { origin } = new URL(next, request.url);
  if (origin === request.url.origin) return;
  throw refusal(
    request,
    response.status,
    `the next page is at ${origin}, not at ${request.url.origin}; set GITLAB_URL to the former`,
  );
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error(`the answer is larger than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Undici says "fetch failed" and keeps the reason in `cause`. */
function describeNetwork(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== "" ? cause.message : error.message;
}
