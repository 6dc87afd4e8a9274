/** What `tidepool doctor` looks at, in the order in which it looks. */
export type CheckId = "reach" | "tls" | "api" | "access" | "pull" | "quota" | "clock" | "version";

/**
 * How a check went.
 *
 * `failed`: clients will not get their images, or not the right ones. `warning`: they will, and something should be
 * mended. `unknown`: this mirror does not tell, or this caller may not ask.
 */
type CheckStatus = "ok" | "warning" | "failed" | "unknown";

/** What one check found. */
export interface Check {
  readonly id: CheckId;
  readonly status: CheckStatus;
  /** What was seen, in one line. */
  readonly detail: string;
  /** What to do about it; absent where nothing is to be done. */
  readonly advice?: string;
  /** Figures behind the detail, for programs; times in ms. */
  readonly measured?: Readonly<Record<string, number | string | boolean>>;
}

/** What a check found, before it has the check's name. */
export type Finding = Omit<Check, "id">;

/** Says that a check was left out, since an earlier one failed. */
export function notTried(because: CheckId): Finding {
  return { status: "unknown", detail: `not tried, since ${because} failed` };
}
