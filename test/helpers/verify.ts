import { createVerify } from "../../bot/commands/verify.ts";
import type { Clock } from "../../bot/gitlab/clock.ts";
import { START, pulled } from "../bot/verify/world.ts";
import type { MergeRequest, Pipeline, Project } from "./fake-gitlab/model.ts";
import type { JobSeed } from "./fake-gitlab/world.ts";
import { type FakeMirror, type FakeMirrorState, startFakeMirror } from "./fake-mirror.ts";
import { type Setup, startGitLab } from "./gitlab-setup.ts";
import { type RunResult, runCommand } from "./run-command.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** GitLab, a mirror, and a project with a merge request that has a pipeline. */
export interface VerifyStory {
  readonly setup: Setup;
  readonly mirror: FakeMirror;
  readonly project: Project;
  readonly merge: MergeRequest;
  /** Another pipeline for the merge request's head. */
  addPipeline(jobs: readonly JobSeed[]): Pipeline;
  /** Runs `tidepool verify --project acme/shop` with these arguments. */
  verify(
    argv: readonly string[],
    env?: Readonly<Record<string, string>>,
    clock?: Clock,
  ): Promise<RunResult>;
  stop(): Promise<void>;
}

/** The times of a job of two minutes, in GitLab's words. */
export const TIMES = {
  startedAt: new Date(START).toISOString(),
  finishedAt: new Date(START + 120_000).toISOString(),
} as const;

/** A job that pulled one image. */
export function pullJob(name: string, hex: string, seed: Partial<JobSeed> = {}): JobSeed {
  return { name: "build", ...TIMES, trace: pulled(name, hex), ...seed };
}

/** Starts the story; `stop` it after the test. */
export async function startStory(
  state: Partial<FakeMirrorState> = {},
  scopes: readonly string[] = ["api"],
): Promise<VerifyStory> {
  const setup = await startGitLab(scopes);
  const mirror = await startFakeMirror(state);
  const { world } = setup.gitlab;
  const project = world.addProject("acme/shop", { files: { "README.md": "shop\n" } });
  world.push(project, "work", { files: { "README.md": "shop, better\n" } });
  const merge = openMerge(setup, project);
  return {
    setup,
    mirror,
    project,
    merge,
    addPipeline: (jobs) =>
      world.addPipeline(project, {
        ref: "work",
        sha: merge.sha,
        source: "merge_request_event",
        jobs,
      }),
    verify: (argv, env = {}, clock = new VirtualClock()) =>
      runCommand(createVerify({ clock }), ["--project", "acme/shop", ...argv], {
        GITLAB_URL: setup.gitlab.url,
        GITLAB_TOKEN: setup.token.secret,
        TIDEPOOL_MIRROR: mirror.url,
        ...env,
      }),
    stop: async () => {
      await setup.gitlab.stop();
      await mirror.close();
    },
  };
}

function openMerge({ gitlab, human }: Setup, project: Project): MergeRequest {
  const { world } = gitlab;
  const at = world.now();
  const merge: MergeRequest = {
    id: world.nextId(),
    iid: 1,
    title: "Work",
    description: "What this is about.",
    state: "opened",
    labels: [],
    author: human,
    assignees: [],
    reviewers: [],
    notes: [],
    createdAt: at,
    updatedAt: at,
    closedAt: null,
    sourceBranch: "work",
    sourceProjectId: project.id,
    targetBranch: "main",
    sha: project.repository.branches.get("work") ?? "",
    mergedAt: null,
    mergeCommitSha: null,
    removeSourceBranch: false,
    squash: false,
  };
  project.mergeRequests.push(merge);
  return merge;
}

/** What texts set off in GitLab beside showing: commands, mentions, and HTML other than our own folds. */
export function effects({ gitlab }: Setup): string[] {
  return gitlab.world.textEvents.flatMap(({ commands, mentions, html }) => [
    ...commands,
    ...mentions,
    ...html.filter((tag) => !/^<\/?(?:details|summary)$/.test(tag)),
  ]);
}
