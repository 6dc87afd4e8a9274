/** What an upstream told of its limit: the window in seconds, 0 for none; when, in milliseconds since the epoch. */
interface ToldLimit {
  readonly windowSeconds: number;
  readonly seenAtMs: number;
}

/** Whether a limit's window has passed since it was told: what was left then says nothing any more. */
export function hasRenewed({ windowSeconds, seenAtMs }: ToldLimit, now: number): boolean {
  return windowSeconds > 0 && seenAtMs + windowSeconds * 1000 <= now;
}
