import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BRANCH_NAME } from "../../../bot/render/branch-name.ts";
import { parseMarker } from "../../../bot/render/marker.ts";
import { startGitLab, type Setup } from "../../helpers/gitlab-setup.ts";
import { DIND_CI, runJson, runOnboard } from "../../helpers/onboard.ts";

let setup: Setup;

beforeEach(async () => {
  setup = await startGitLab();
});

afterEach(async () => {
  expect(setup.gitlab.complaints).toEqual([]);
  // No quick action was run, nobody was mentioned and no HTML was rendered, whatever the texts held.
  expect(setup.gitlab.world.textEvents).toEqual([]);
  await setup.gitlab.stop();
});

const FAKE_MARKER = `<!-- tidepool {"v":1,"edit":"sha256:${"0".repeat(64)}","files":"sha256:${"0".repeat(64)}","base":"${"0".repeat(40)}","head":"${"0".repeat(40)}"} -->`;

/** Names of files that a CI file may include, each of them an attack. */
const NAMES = [
  "/close\n/close.yml",
  "ci/@all @jane.yml",
  "ci/<img src=x onerror=alert(1)>.yml",
  "ci/`/close` | x | \\| `@all`.yml",
  "ci/``` \n/close\n```.yml",
  `ci/${"long".repeat(60)}.yml`,
  "ci/\u001b[31mred\u202egnp.yml",
  "ci/--> /close.yml",
  "ci/[x](javascript:alert(1)) #1 !1 ~bug %1.yml",
];

/** Services that are a Docker daemon, or nearly, and an attack as well. */
const IMAGES = [
  "docker:24-dind@all",
  "registry.example.com/@all/docker:24-dind",
  "registry.example.com/`@all`|/docker:24-dind",
  "$VARIABLE_@all",
  "${X:-`/close`}",
];

describe("hostile text", () => {
  it.each(NAMES)("in a file's name is shown as text and nothing else: %j", async (name) => {
    const path = name.replace(/^\//, "");
    const include = JSON.stringify({ include: [{ local: `/${path}` }] });
    const files = { ".gitlab-ci.yml": include, [path]: DIND_CI };
    const project = setup.gitlab.world.addProject("acme/app", { files });
    const { lines } = await runJson(setup, ["--project", "acme/app"]);
    expect(lines.get("acme/app")).toMatchObject({ status: "opened" });
    const [merge] = project.mergeRequests;
    expect(merge?.description).not.toMatch(/^\//m);
    expect(parseMarker(merge?.description ?? "")?.head).toBe(merge?.sha);
    setup.gitlab.log.length = 0;
    await runJson(setup, ["--project", "acme/app"]);
    expect(setup.gitlab.writes()).toEqual([]);
  });

  it.each(IMAGES)("in CI content is shown as text and nothing else: %j", async (image) => {
    const ci = `${DIND_CI}
other:
  services:
    - ${JSON.stringify(image)}
    - name: ${JSON.stringify(image)}
      entrypoint: ["sh", "-c"]
      command: ${JSON.stringify([`/close\n/close @all ${FAKE_MARKER} docker`])}
  script:
    - dockerd --label '@all' &
    - docker buildx create --use --name "@all\\n/close"
`;
    const files = { ".gitlab-ci.yml": ci };
    const project = setup.gitlab.world.addProject("acme/app", { files });
    const { lines } = await runJson(setup, ["--project", "acme/app"]);
    expect(lines.get("acme/app")).toMatchObject({ status: "opened" });
    const [merge] = project.mergeRequests;
    expect(parseMarker(merge?.description ?? "")?.head).toBe(merge?.sha);
    setup.gitlab.log.length = 0;
    await runJson(setup, ["--project", "acme/app"]);
    expect(setup.gitlab.writes()).toEqual([]);
  });

  it("in the name of the default branch is shown as text", async () => {
    const { world } = setup.gitlab;
    const defaultBranch = "main/@all/<b>/`x`";
    const files = { ".gitlab-ci.yml": DIND_CI };
    const project = world.addProject("acme/app", { files, defaultBranch });
    const { lines } = await runJson(setup, ["--project", "acme/app"]);
    expect(lines.get("acme/app")).toMatchObject({ status: "opened" });
    world.push(project, defaultBranch, { files: { ".gitlab-ci.yml": "x:\n  script: [y]\n" } });
    const { lines: closed } = await runJson(setup, ["--project", "acme/app"]);
    expect(closed.get("acme/app")).toMatchObject({ status: "closed" });
  });

  it("in a commit message is no marker of the bot's", async () => {
    const { world } = setup.gitlab;
    const project = world.addProject("acme/app", { files: { ".gitlab-ci.yml": DIND_CI } });
    const base = project.repository.branches.get("main") ?? "";
    const forged = {
      v: 1,
      edit: `sha256:${"0".repeat(64)}`,
      files: `sha256:${"0".repeat(64)}`,
      base,
    };
    const message = `Mine\n\nTidepool: ${JSON.stringify(forged)}\n`;
    const theirs = world.push(project, BRANCH_NAME, { files: { "theirs.txt": "x" }, message });
    const { lines } = await runJson(setup, ["--project", "acme/app"]);
    expect(lines.get("acme/app")).toMatchObject({ status: "left-alone" });
    expect(project.repository.branches.get(BRANCH_NAME)).toBe(theirs);
  });

  it("in a description above the bot's part is no marker of the bot's", async () => {
    const files = { ".gitlab-ci.yml": DIND_CI };
    const project = setup.gitlab.world.addProject("acme/app", { files });
    await runJson(setup, ["--project", "acme/app"]);
    const [merge] = project.mergeRequests;
    if (merge) merge.description = `${FAKE_MARKER}\n${merge.description}`;
    const { lines } = await runJson(setup, ["--project", "acme/app"]);
    expect(lines.get("acme/app")).toMatchObject({ status: "unchanged" });
  });

  it("in .tidepool.yml fails in one line, without running anything", async () => {
    const config = `"/close\\n@all ${"x".repeat(5000)}": 1\n`;
    const files = { ".gitlab-ci.yml": DIND_CI, ".tidepool.yml": config };
    setup.gitlab.world.addProject("acme/app", { files });
    const { stdout } = await runOnboard(setup, ["--project", "acme/app"]);
    const line = stdout.split("\n").find((text) => text.startsWith("failed"));
    expect(line?.length).toBeLessThan(400);
    expect(stdout).not.toMatch(/^\/close/m);
  });

  it("of a file drives no terminal and folds no job log in a dry run", async () => {
    const ci = DIND_CI.replace(
      "# how we build",
      "# \u001b]0;owned\u0007 \u001b[2J\rsection_start:1:x\r\u001b[0K",
    );
    setup.gitlab.world.addProject("acme/app", { files: { ".gitlab-ci.yml": ci } });
    const { stdout } = await runOnboard(setup, ["--project", "acme/app", "--dry-run"]);
    expect(stdout).toContain("+      command:");
    // eslint-disable-next-line no-control-regex -- this is what must not be there
    expect(stdout).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
  });

  it("as long as GitLab lets it be does not make the description too long", async () => {
    const long = "x".repeat(2000);
    const ci = Array.from(
      { length: 500 },
      (_, i) => `j${i}:\n  services: ["docker:24-dind"]\n  script: ["${long}"]\n`,
    ).join("");
    const files = { ".gitlab-ci.yml": ci };
    const project = setup.gitlab.world.addProject("acme/app", { files });
    const { lines } = await runJson(setup, ["--project", "acme/app"]);
    expect(lines.get("acme/app")).toMatchObject({ status: "opened" });
    expect(project.mergeRequests[0]?.description.length).toBeLessThan(20_000);
    expect(project.mergeRequests[0]?.description).toContain("450 more");
  });
});
