import type { Effect } from "./errors.ts";

/** One attempt that did not succeed. */
export interface Attempt {
  readonly method: string;
  /** Path below `/api/v4/`, without a slash at its start. */
  readonly endpoint: string;
  /** `null` where no answer came. */
  readonly status: number | null;
  readonly retryAfter: string | null;
  /** GitLab's own words. */
  readonly detail: string;
  /** Attempts made so far, this one included, that failed for the same kind of reason. */
  readonly failures: number;
}

/** What to do about it. */
export interface Verdict {
  /** How long to wait before the next attempt; `null` means to give up. */
  readonly waitMs: number | null;
  /** Whether everybody has to wait, not this request alone. */
  readonly shared: boolean;
  readonly effect: Effect;
}

/** 60 s: GitLab counts its limits by the minute, and its application limits name no time to come back. */
const RATE_LIMIT_WAIT_MS = 60_000;
/** 15 min: whoever asks for more does not want to be waited for. */
const MAX_RETRY_AFTER_MS = 15 * 60_000;
/** 30 refusals in a row are no rate limit that a wait could cure. */
const MAX_RATE_LIMITED = 30;
/** 5 tries, with the waits below about 8 s in all: longer outages are for the next run. */
const MAX_TRIES = 5;
/** 500 ms, doubled with each try. */
const BACKOFF_MS = 500;

/**
 * Decides whether a failed request is sent again.
 *
 * Reading is repeated on anything that may pass. A request that changes something is repeated only where GitLab's
 * answer proves that nothing happened: 429 comes before the work, and so do the two refusals below, which go away by
 * themselves. After a 502 nobody knows, and the caller has to look.
 */
export function judge(attempt: Attempt, clock: { now(): number; random(): number }): Verdict {
  const { status } = attempt;
  if (status === 429) return rateLimited(attempt, clock.now());
  if (isTransientRefusal(attempt)) return backoff(attempt, clock.random(), "none");
  const failedInside = status === null || status >= 500;
  if (!failedInside) return { waitMs: null, shared: false, effect: "none" };
  if (!isSafe(attempt)) return { waitMs: null, shared: false, effect: "unknown" };
  return backoff(attempt, clock.random(), "none");
}

/** CI lint answers a POST and changes nothing: it may be repeated like reading. */
function isSafe({ method, endpoint }: Pick<Attempt, "method" | "endpoint">): boolean {
  return (
    method === "GET" || method === "HEAD" || (method === "POST" && endpoint.endsWith("/ci/lint"))
  );
}

function rateLimited({ failures, retryAfter }: Attempt, now: number): Verdict {
  const waitMs = parseRetryAfter(retryAfter, now) ?? RATE_LIMIT_WAIT_MS;
  const hopeless = failures >= MAX_RATE_LIMITED || waitMs > MAX_RETRY_AFTER_MS;
  return { waitMs: hopeless ? null : waitMs, shared: true, effect: "none" };
}

/** Seconds, or a date; `null` where it is absent or neither (RFC 9110 §10.2.3). */
function parseRetryAfter(value: string | null, now: number): number | null {
  if (value === null || value.trim() === "") return null;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(date - now, 0);
}

/**
 * The two refusals that Renovate found to pass by themselves: a lock on the project or merge request, and a branch
 * that the merge request's service does not see yet just after its commit (renovate, lib/modules/platform/gitlab).
 */
function isTransientRefusal({ method, status, detail }: Attempt): boolean {
  if (method === "GET") return false;
  if (status === 409) return /resource lock/i.test(detail);
  return status === 400 && /source.?branch\b.*does not exist/is.test(detail);
}

/** Half of the wait is chance, so that many runs that failed together do not come back together. */
function backoff({ failures }: Attempt, random: number, effect: Effect): Verdict {
  if (failures >= MAX_TRIES) return { waitMs: null, shared: false, effect };
  return { waitMs: BACKOFF_MS * 2 ** (failures - 1) * (0.5 + random / 2), shared: false, effect };
}
