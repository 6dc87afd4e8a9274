import type { ConflictPolicy, Layer } from "../files/types.ts";
import type { Mirror } from "../files/mirror.ts";

/** Which projects, and what to do with them: the command line, read. */
export interface OnboardOptions {
  readonly mirror: Mirror;
  /** Full paths of projects. */
  readonly projects: readonly string[];
  /** Full paths of groups, their subgroups included. */
  readonly groups: readonly string[];
  /** Full paths of projects that hold runner configuration. */
  readonly runnerConfigs: readonly string[];
  /** Patterns of full paths; a project must match one, where there are any. */
  readonly filters: readonly string[];
  /** Topics; a project must have all. */
  readonly topics: readonly string[];
  readonly dryRun: boolean;
  /** Whether to ask again where a merge request was closed and the edits have changed since. */
  readonly reopen: boolean;
  readonly layers: readonly Layer[];
  readonly conflict: ConflictPolicy | null;
  /** Merge requests opened in this run, at most. */
  readonly limit: number;
  /** Merge requests of the bot open at once in one group, at most. */
  readonly groupLimit: number;
  readonly wishes: Wishes;
}

/** What a merge request looks like; a project's own `.tidepool.yml` goes before. */
export interface Wishes {
  readonly commitPrefix: string;
  readonly draft: boolean;
  readonly labels: readonly string[];
  readonly reviewers: readonly string[];
  readonly assignees: readonly string[];
}
