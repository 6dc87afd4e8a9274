import { expect } from "vitest";
import type { MergeRequest, Project } from "./fake-gitlab/model.ts";
import { startGitLab, type Setup } from "./gitlab-setup.ts";
import { DIND_CI, runJson, type JsonLine } from "./onboard.ts";

/** The project's path. */
export const PATH = "acme/app";
/** Its CI file's. */
export const CI = ".gitlab-ci.yml";

/** A CI file with one more job that has a dind service. */
export const MORE_DIND = `${DIND_CI}
deploy:
  image: docker:24
  services: [docker:24-dind]
  script: [docker push]
`;

/** One project with a dind service, and a bot that is run on it. */
export class ProjectBench {
  readonly setup: Setup;
  readonly project: Project;

  constructor(setup: Setup, project: Project) {
    this.setup = setup;
    this.project = project;
  }

  /** Runs the bot, and gives the project's line with the calls that wrote. */
  async run(...flags: string[]): Promise<JsonLine & { writes: string[] }> {
    const { gitlab } = this.setup;
    gitlab.log.length = 0;
    const { lines } = await runJson(this.setup, ["--project", PATH, ...flags]);
    const line = lines.get(PATH);
    if (!line) throw new Error("no line for the project");
    const prefix = `/projects/${this.project.id}`;
    const writes = gitlab
      .lines(gitlab.writes())
      .map((text) => text.replace(prefix, "").replace("/merge_requests", "/mr"));
    return { ...line, writes };
  }

  /** A merge request by its place in the project's list. */
  merge(index = 0): MergeRequest {
    const found = this.project.mergeRequests[index];
    if (!found) throw new Error("no merge request");
    return found;
  }

  /** Puts a CI file on a branch, as a human. */
  push(branch: string, content: string, options: { message?: string } = {}): string {
    const push = { files: { [CI]: content }, ...options };
    return this.setup.gitlab.world.push(this.project, branch, push);
  }

  /** Ends the test: nothing of what was sent was against the API's description. */
  async stop(): Promise<void> {
    expect(this.setup.gitlab.complaints).toEqual([]);
    await this.setup.gitlab.stop();
  }
}

/** Starts a GitLab with the project. */
export async function startProject(): Promise<ProjectBench> {
  const setup = await startGitLab();
  const project = setup.gitlab.world.addProject(PATH, { files: { [CI]: DIND_CI } });
  return new ProjectBench(setup, project);
}
