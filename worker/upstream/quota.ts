/** What Docker Hub last said is left of the pull limit. */
export interface Quota {
  readonly limit: number;
  readonly remaining: number;
  /** Length of the limit's window in seconds; 21600 at Docker Hub. */
  readonly windowSeconds: number;
  /** Whom the limit counts: an address or an account id. */
  readonly source: string | null;
}

/**
 * Reads the pull limit from an answer; `null` where it has none, which means no limit for this identity.
 *
 * @see docs.docker.com, "Docker Hub pull usage and limits": `ratelimit-limit: 100;w=21600`
 */
export function readQuota(headers: Headers): Quota | null {
  const limit = readCount(headers.get("ratelimit-limit"));
  const remaining = readCount(headers.get("ratelimit-remaining"));
  if (limit === null || remaining === null) return null;
  return {
    limit: limit.count,
    remaining: remaining.count,
    windowSeconds: limit.windowSeconds ?? remaining.windowSeconds ?? 0,
    source: headers.get("docker-ratelimit-source"),
  };
}

function readCount(value: string | null): { count: number; windowSeconds: number | null } | null {
  const match = /^\s*(\d{1,12})\s*(?:;\s*w\s*=\s*(\d{1,12}))?/.exec(value ?? "");
  if (match === null) return null;
  return {
    count: Number(match[1]),
    windowSeconds: match[2] === undefined ? null : Number(match[2]),
  };
}
