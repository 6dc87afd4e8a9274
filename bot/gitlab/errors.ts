import { BotError } from "../errors.ts";

/** What a failed request may have done: certainly nothing, or nobody knows. */
export type Effect = "none" | "unknown";

/** What is known about a request that failed. */
export interface GitLabFailure {
  /** Method and path, without query, headers or body: no secret can be in it. */
  readonly request: string;
  /** GitLab's status; `null` where no answer came. */
  readonly status: number | null;
  readonly effect: Effect;
  /** GitLab's own words, or those of the network. */
  readonly detail: string;
}

/** GitLab refused, failed, or could not be reached. */
export class GitLabError extends BotError {
  override readonly name = "GitLabError";
  readonly request: string;
  readonly status: number | null;
  readonly effect: Effect;
  readonly detail: string;

  constructor(failure: GitLabFailure, options?: ErrorOptions) {
    const { request, status, effect, detail } = failure;
    const what = status === null ? "GitLab did not answer" : `GitLab answered ${status} to`;
    super(`${what} ${request}${detail === "" ? "" : `: ${detail}`}`, options);
    this.request = request;
    this.status = status;
    this.effect = effect;
    this.detail = detail;
  }
}

/** Whether an error is GitLab's, with one of these statuses. */
export function isGitLabError(
  error: unknown,
  ...statuses: readonly number[]
): error is GitLabError {
  if (!(error instanceof GitLabError)) return false;
  return statuses.length === 0 || (error.status !== null && statuses.includes(error.status));
}

/** 300 characters: enough for GitLab's longest sentences, too little to flood a log. */
const MAX_DETAIL = 300;

/**
 * Reads GitLab's own words out of an error's body.
 *
 * The shapes are `{"message": text | list | {field: list}}` of lib/api/helpers.rb, `{"error": text,
 * "error_description": text}` of Grape and of OAuth, and plain text from the rate limiter and from proxies.
 */
export function readDetail(body: string): string {
  let detail = body;
  try {
    const json: unknown = JSON.parse(body);
    if (typeof json === "object" && json !== null) detail = describe(json);
  } catch {
    // Proxies answer in HTML: its title is the one sentence worth showing.
    detail = /<title>([^<]*)<\/title>/i.exec(body)?.[1] ?? (body.startsWith("<") ? "" : body);
  }
  const clean = detail.replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ").trim();
  return clean.length > MAX_DETAIL ? `${clean.slice(0, MAX_DETAIL)}…` : clean;
}

interface Answer {
  readonly message?: unknown;
  readonly error?: unknown;
  readonly error_description?: unknown;
}

function describe({ message, error, error_description: description }: Answer): string {
  const parts = [message, error, description].filter((part) => part !== undefined);
  return parts.map((part) => words(part)).join(": ");
}

function words(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(words).join("; ");
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value)
    .map(([field, problem]) => `${field} ${words(problem)}`)
    .join("; ");
}
