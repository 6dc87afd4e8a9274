import type { LeftAlone } from "../plan/plan.ts";

/** What became of a project, for machines. `would-…` only in a dry run. */
export type Status =
  | "opened"
  | "refreshed"
  | "closed"
  | "would-open"
  | "would-refresh"
  | "would-close"
  /** Its merge request is open and true. */
  | "unchanged"
  /** Nothing to edit. */
  | "nothing"
  /** A person said no. */
  | "declined"
  /** Somebody else works on the branch. */
  | "left-alone"
  /** A limit on opened merge requests is reached; a later run goes on. */
  | "waiting"
  /** Not for the bot: archived, empty, too low a role… */
  | "skipped"
  /** The edits would break a runner, together with those of another repository. */
  | "conflict"
  /** GitLab's CI lint does not accept the result. */
  | "rejected"
  | "failed";

/** One project's outcome. */
export interface ProjectResult {
  /** Full path. */
  readonly project: string;
  readonly status: Status;
  /** Why, as a clause. */
  readonly reason: string;
  /** Address of the merge request, where there is one. */
  readonly mergeRequest: string | null;
  readonly files: readonly ChangedFile[];
  /** Places that wait for a person. */
  readonly left: readonly Pick<LeftAlone, "path" | "line" | "code" | "reason">[];
}

/** A file with what is done to it. */
interface ChangedFile {
  readonly path: string;
  /** Lines that come new or changed. */
  readonly lines: number;
  /** The content before and after, in a dry run; else `null`, for the merge request shows it. */
  readonly content: { readonly before: string; readonly after: string } | null;
}

/** Whether an outcome makes the run end with exit code 1. */
export function isProblem(status: Status): boolean {
  return status === "conflict" || status === "rejected" || status === "failed";
}
