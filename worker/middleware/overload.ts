import type { MiddlewareHandler } from "hono";
import { RegistryError } from "../oci/error-code.ts";

/** How much may wait at once. */
export interface OverloadOptions {
  /** Requests without an answer; one that is being sent counts no more, since it is the runtime that sends it. */
  readonly maxWaiting: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * 500 daemons that ask for a manifest or three layers each, as dockerd does. Measured under a silent upstream, each
 * takes 65 to 150 KiB of the process, most of it the runtime's own.
 */
export const MAX_WAITING = 2000;
/**
 * No answer takes this long to begin. A request whose client has left goes on to its end on one machine (measured), but
 * the platform may drop it without a word.
 */
const LOST_AFTER_MS = 60_000;
const RETRY_AFTER_SECONDS = 2;

/**
 * Refuses with 503 and `Retry-After` what would only wait behind all the rest: the longest waits are for an upstream
 * that is slow or silent, and every one of them holds memory.
 *
 * @throws {@link RegistryError} `TOOMANYREQUESTS` where {@link OverloadOptions.maxWaiting} requests wait already
 */
export function refuseOverload({ maxWaiting, now }: OverloadOptions): MiddlewareHandler {
  /** When each began, the longest ago first. */
  const waiting = new Map<object, number>();

  const dropLost = (): void => {
    for (const [request, since] of waiting) {
      if (now() - since < LOST_AFTER_MS) return;
      waiting.delete(request);
    }
  };

  return async function refuseOverload(_context, next) {
    if (waiting.size >= maxWaiting) dropLost();
    if (waiting.size >= maxWaiting)
      throw new RegistryError("TOOMANYREQUESTS", {
        status: 503,
        message: "too many requests are waiting at this mirror",
        headers: { "Retry-After": String(RETRY_AFTER_SECONDS) },
      });
    const request = {};
    waiting.set(request, now());
    try {
      await next();
    } finally {
      waiting.delete(request);
    }
  };
}
