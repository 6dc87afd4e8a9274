import type { Repository } from "./git.ts";

/** Roles as GitLab numbers them (doc/api/access_levels.md). */
export const ROLE = {
  none: 0,
  guest: 10,
  planner: 15,
  reporter: 20,
  developer: 30,
  maintainer: 40,
  owner: 50,
} as const;

/** An account, human or bot. */
export interface User {
  readonly id: number;
  readonly username: string;
  readonly name: string;
  readonly email: string;
  readonly bot: boolean;
  readonly admin: boolean;
}

/** A personal, project or group access token. */
export interface Token {
  readonly id: number;
  readonly secret: string;
  readonly name: string;
  readonly user: User;
  readonly scopes: readonly string[];
  readonly expiresAt: string | null;
  revoked: boolean;
}

/** A group; its members are inherited by everything below. */
export interface Group {
  readonly id: number;
  readonly path: string;
  readonly members: Map<number, number>;
}

/** A label of a project. */
export interface Label {
  readonly id: number;
  readonly name: string;
  readonly color: string;
  readonly description: string | null;
}

/** A comment; `commands` are the quick actions GitLab would have run from its text. */
export interface Note {
  readonly id: number;
  body: string;
  readonly author: User;
  readonly createdAt: string;
  updatedAt: string;
  readonly system: boolean;
}

/** What merge requests and issues share. */
export interface Issuable {
  readonly id: number;
  readonly iid: number;
  readonly author: User;
  readonly createdAt: string;
  updatedAt: string;
  title: string;
  description: string;
  state: "opened" | "closed" | "merged";
  labels: string[];
  assignees: User[];
  readonly notes: Note[];
  closedAt: string | null;
}

/** A merge request. */
export interface MergeRequest extends Issuable {
  readonly sourceBranch: string;
  readonly sourceProjectId: number;
  targetBranch: string;
  reviewers: User[];
  /** The head while it is open; frozen when it closes. */
  sha: string;
  mergedAt: string | null;
  mergeCommitSha: string | null;
  removeSourceBranch: boolean;
  squash: boolean;
}

/** An issue. */
export type Issue = Issuable;

/** A commit status, as posted by an integration. */
export interface CommitStatus {
  readonly id: number;
  readonly sha: string;
  readonly name: string;
  state: string;
  description: string | null;
  targetUrl: string | null;
  coverage: number | null;
  pipelineId: number;
  readonly author: User;
}

/** A job of a pipeline, or a bridge where `downstream` is given. */
export interface Job {
  readonly id: number;
  readonly name: string;
  readonly stage: string;
  readonly status: string;
  readonly retried: boolean;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly allowFailure: boolean;
  /** A whole log, or a source of chunks for one too large to hold. */
  readonly trace: string | (() => AsyncIterable<string | Uint8Array>);
  readonly bridge: boolean;
  /** The pipeline a bridge started: project and pipeline. */
  readonly downstream: { readonly projectId: number; readonly pipelineId: number } | null;
}

/** A pipeline with its jobs. */
export interface Pipeline {
  readonly id: number;
  readonly iid: number;
  readonly sha: string;
  readonly ref: string;
  readonly source: string;
  status: string;
  readonly createdAt: string;
  readonly jobs: Job[];
}

/** A pipeline schedule. */
export interface Schedule {
  readonly id: number;
  description: string;
  ref: string;
  cron: string;
  cronTimezone: string;
  active: boolean;
  readonly owner: User;
}

/** A project with all that hangs on it. */
export interface Project {
  readonly id: number;
  readonly path: string;
  readonly name: string;
  readonly visibility: "private" | "internal" | "public";
  readonly repository: Repository;
  readonly members: Map<number, number>;
  readonly mergeRequests: MergeRequest[];
  readonly issues: Issue[];
  readonly labels: Label[];
  readonly pipelines: Pipeline[];
  readonly statuses: CommitStatus[];
  readonly schedules: Schedule[];
  readonly protectedBranches: Set<string>;
  topics: string[];
  defaultBranch: string;
  archived: boolean;
  mirror: boolean;
  markedForDeletion: boolean;
  mergeRequestsAccess: "enabled" | "private" | "disabled";
  issuesAccess: "enabled" | "private" | "disabled";
  repositoryAccess: "enabled" | "private" | "disabled";
  ciConfigPath: string | null;
  forkedFrom: number | null;
  /** Errors that the linter answers whatever the content is; `null` lints for real. */
  lintErrors: readonly string[] | null;
}
