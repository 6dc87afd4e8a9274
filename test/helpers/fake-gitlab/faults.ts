/** What a fault makes of one request. */
export type Fault =
  /** An answer in the place of GitLab's; `effect` says whether the request was carried out behind it. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly effect: boolean;
      readonly body?: string;
      readonly contentType?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The connection is cut without an answer, before or after the request was carried out. */
  | { readonly kind: "drop"; readonly effect: boolean }
  /** No answer comes at all, until the client gives up. */
  | { readonly kind: "hang"; readonly effect: boolean };

/** Decides the fault of a request, if any; `count` numbers the requests of this instance from 1. */
export type FaultRule = (request: {
  readonly method: string;
  readonly path: string;
  readonly count: number;
}) => Fault | null;

/** Rack::Attack's 429, with the headers it sends (doc/administration/settings/user_and_ip_rate_limits.md). */
export function rackAttack(retryAfterSeconds: number): Fault {
  return {
    kind: "answer",
    status: 429,
    effect: false,
    body: "Retry later\n",
    contentType: "text/plain",
    headers: {
      "Retry-After": String(retryAfterSeconds),
      "RateLimit-Limit": "600",
      "RateLimit-Remaining": "0",
      "RateLimit-Name": "throttle_authenticated_api",
    },
  };
}

/** The plain-text 429 without any header, which proxies before GitLab and old versions send. */
export const BARE_429: Fault = {
  kind: "answer",
  status: 429,
  effect: false,
  body: "Retry later\n",
  contentType: "text/plain",
};

/** The application's own limits (notes, issues, search…): 429 as JSON, without any header (lib/api/helpers/rate_limiter.rb). */
export const APPLICATION_429: Fault = {
  kind: "answer",
  status: 429,
  effect: false,
  body: JSON.stringify({
    message: { error: "This endpoint has been requested too many times. Try again later." },
  }),
};

/** The proxy's 502: nobody knows whether GitLab did what was asked. */
export function badGateway(effect: boolean): Fault {
  const body = "<html><head><title>GitLab is not responding (502)</title></head></html>";
  return { kind: "answer", status: 502, effect, body, contentType: "text/html" };
}

/** A fault for every `n`th request. */
export function every(n: number, fault: Fault): FaultRule {
  return ({ count }) => (count % n === 0 ? fault : null);
}

/** A fault for the first `times` requests of a method whose path matches. */
export function first(
  times: number,
  match: { method: string; path: RegExp },
  fault: Fault,
): FaultRule {
  let left = times;
  return ({ method, path }) => {
    if (left === 0 || method !== match.method || !match.path.test(path)) return null;
    left -= 1;
    return fault;
  };
}
