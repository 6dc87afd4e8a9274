import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { first, rackAttack } from "../helpers/fake-gitlab/faults.ts";
import type { Project } from "../helpers/fake-gitlab/model.ts";
import { startGitLab, type Setup } from "../helpers/gitlab-setup.ts";
import { PLAIN_CI } from "../helpers/onboard.ts";

/** Debian's own Python: python3-gitlab is installed for it and for no other. */
const PYTHON = "/usr/bin/python3";
const CLI = "/usr/bin/python-gitlab";
const hasModule = existsSync(PYTHON) && spawnSync(PYTHON, ["-c", "import gitlab"]).status === 0;
const hasCli = existsSync(CLI);
if (!hasModule) console.warn("skipped: python3-gitlab is not installed");
if (!hasCli) console.warn("skipped: gitlab-cli is not installed");

const run = promisify(execFile);

let setup: Setup;
let project: Project;

beforeEach(async () => {
  setup = await startGitLab();
  // These clients use more of the API than the bot, and than the description of it that lies beside the repository.
  setup.gitlab.validate = null;
  const { world } = setup.gitlab;
  const files = { ".gitlab-ci.yml": PLAIN_CI, "src/a.txt": "a", "src/b.txt": "b" };
  project = world.addProject("acme/app", { files });
  world.addProject("acme/sub/one", { files });
  world.addProject("acme/sub/two", { files });
  world.addProject("secret/app", { files });
  const trace = "Using docker image sha256:1 for alpine ...\n";
  world.addPipeline(project, { jobs: [{ name: "test", trace }] });
});

afterEach(async () => {
  expect(setup.gitlab.complaints).toEqual([]);
  await setup.gitlab.stop();
});

describe.skipIf(!hasModule)("python3-gitlab", () => {
  it("makes the bot's calls on the stand-in and gets what GitLab would give it", async () => {
    const { world } = setup.gitlab;
    const reader = world.addToken(setup.bot, ["read_api"]).secret;
    const maintainer = world.addToken(setup.human, ["api"]).secret;
    const { stdout } = await run(PYTHON, [
      new URL("python-gitlab.py", import.meta.url).pathname,
      setup.gitlab.url,
      setup.token.secret,
      reader,
      "acme",
      "acme/app",
      "secret/app",
      maintainer,
    ]);
    expect(JSON.parse(stdout)).toEqual({
      user: "group_1_bot_abc",
      version: "18.5.0",
      group: ["acme/app", "acme/sub/one", "acme/sub/two"],
      total: 3,
      developer: 1,
      hidden: ["GitlabGetError", 404, "404 Project Not Found"],
      default_branch: "main",
      role: 30,
      member: 30,
      tree: ["src", ".gitlab-ci.yml", "src/a.txt", "src/b.txt"],
      file: PLAIN_CI,
      no_file: ["GitlabGetError", 404, "404 File Not Found"],
      lint: [false, ["jobs:build:services config should be an array"]],
      lint_main: true,
      parent: true,
      branch_exists: [
        "GitlabCreateError",
        400,
        "A branch called 'bot' already exists. Switch to that branch in order to make changes",
      ],
      forced: true,
      mr: [1, "opened", true, ["ci"], false],
      second_mr: [
        "GitlabCreateError",
        409,
        "['Another open merge request already exists for this source branch: !1']",
      ],
      found: [1],
      compare: [1, [".gitlab-ci.yml"]],
      notes: ["hello again"],
      closed: ["closed", "described"],
      protected: ["GitlabCreateError", 403, "403 Forbidden"],
      stale: [
        "GitlabCreateError",
        400,
        "You are attempting to update a file that has changed since you started editing it.",
      ],
      pipeline: ["success", "test"],
      trace: "Using docker image sha256:1 for alpine ...\n",
      status: ["success", "tidepool/verify"],
      bridges: 0,
      second_label: ["GitlabCreateError", 409, "Label already exists"],
      issues: [["Report", "y"]],
      schedule: ["0 4 * * 1", true],
      reader: "acme/app",
      scope: ["GitlabCreateError", 403, "insufficient_scope"],
      nobody: ["GitlabAuthenticationError", 401, "401 Unauthorized"],
    });
  });

  it("takes the stand-in's 429 for GitLab's, and comes back", async () => {
    const match = { method: "GET", path: /^\/projects\/acme%2Fapp$/ };
    setup.gitlab.faults = [first(2, match, rackAttack(0))];
    const script =
      "import sys, gitlab; print(gitlab.Gitlab(sys.argv[1], private_token=sys.argv[2]).projects.get('acme/app').id)";
    const { stdout } = await run(PYTHON, ["-c", script, setup.gitlab.url, setup.token.secret]);
    expect(stdout.trim()).toBe(String(project.id));
    expect(setup.gitlab.log.map(({ status }) => status)).toEqual([429, 429, 200]);
  });
});

async function cli(...args: readonly string[]): Promise<unknown> {
  const access = ["--server-url", setup.gitlab.url, "--private-token", setup.token.secret];
  const { stdout } = await run(CLI, [...access, "-o", "json", ...args]);
  return stdout.trim() === "" ? null : (JSON.parse(stdout) as unknown);
}

describe.skipIf(!hasCli)("gitlab-cli", () => {
  it("reads and writes on the stand-in as on GitLab", async () => {
    const id = ["--project-id", "acme/app"];
    expect(await cli("project", "get", "--id", "acme/app")).toMatchObject({ id: project.id });
    expect(await cli("project", "list", "--membership", "yes")).toHaveLength(3);
    const file = [...id, "--file-path", ".gitlab-ci.yml", "--ref", "main"];
    expect(await cli("project-file", "get", ...file)).toMatchObject({ ref: "main" });
    await cli("project-branch", "create", ...id, "--branch", "work", "--ref", "main");
    const merge = ["--source-branch", "work", "--target-branch", "main", "--title", "Work"];
    expect(await cli("project-merge-request", "create", ...id, ...merge)).toMatchObject({ iid: 1 });
    const iid = ["--mr-iid", "1"];
    const note = [...id, ...iid, "--body", "hello"];
    expect(await cli("project-merge-request-note", "create", ...note)).toMatchObject({
      body: "hello",
    });
    await cli("project-merge-request", "update", ...id, "--iid", "1", "--state-event", "close");
    expect(project.mergeRequests[0]?.state).toBe("closed");
    expect(await cli("project-pipeline", "list", ...id)).toHaveLength(1);
  });

  it("is refused by the stand-in in GitLab's words", async () => {
    const failure: unknown = await cli("project", "get", "--id", "secret/app").catch(
      (error: unknown) => error,
    );
    expect(String((failure as { stderr?: string }).stderr)).toContain("404 Project Not Found");
  });
});
