import { afterEach, describe, expect, it } from "vitest";
import { createReport } from "../../../bot/commands/report.ts";
import { formatMarker } from "../../../bot/render/marker.ts";
import { badGateway } from "../../helpers/fake-gitlab/faults.ts";
import type { Project } from "../../helpers/fake-gitlab/model.ts";
import type { ProjectSeed } from "../../helpers/fake-gitlab/world.ts";
import {
  type FakeMirror,
  type FakeMirrorState,
  startFakeMirror,
} from "../../helpers/fake-mirror.ts";
import { type Setup, startGitLab } from "../../helpers/gitlab-setup.ts";
import { type RunResult, runCommand } from "../../helpers/run-command.ts";
import { effects, pullJob } from "../../helpers/verify.ts";
import { VirtualClock } from "../../helpers/virtual-clock.ts";
import { entry, stats } from "../render/views.ts";
import { record } from "../verify/world.ts";

const GROUP = ["--group", "acme", "--issue-project", "acme/ops"] as const;

interface Story {
  readonly setup: Setup;
  readonly mirror: FakeMirror;
  readonly ops: Project;
  day: string;
  report(argv?: readonly string[]): Promise<RunResult>;
}

const stories: Story[] = [];

afterEach(async () => {
  for (const { setup, mirror } of stories.splice(0)) {
    expect(setup.gitlab.complaints).toEqual([]);
    await setup.gitlab.stop();
    await mirror.close();
  }
});

async function start(state: Partial<FakeMirrorState> = {}): Promise<Story> {
  const setup = await startGitLab();
  const catalog = [entry("library/alpine", ["3"]), entry("library/node", ["22"])];
  const mirror = await startFakeMirror({ stats: stats(), catalog, ...state });
  const ops = setup.gitlab.world.addProject("acme/ops", { files: { a: "b" } });
  const story: Story = {
    setup,
    mirror,
    ops,
    day: "2026-11-23",
    report: (argv = GROUP) =>
      runCommand(createReport({ clock: new VirtualClock(`${story.day}T08:00:00Z`) }), argv, {
        GITLAB_URL: setup.gitlab.url,
        GITLAB_TOKEN: setup.token.secret,
        TIDEPOOL_MIRROR: mirror.url,
      }),
  };
  stories.push(story);
  return story;
}

/** A project with a finished pipeline on its default branch. */
function addProject(
  { setup }: Story,
  path: string,
  ...[pulls, seed]: [string[]?, ProjectSeed?]
): Project {
  const project = setup.gitlab.world.addProject(path, { files: { a: "b" }, ...seed });
  const jobs = (pulls ?? []).map((name, index) =>
    pullJob(name, `${index}a`, { name: `job ${index}` }),
  );
  setup.gitlab.world.addPipeline(project, { createdAt: "2026-11-20T10:00:00.000Z", jobs });
  return project;
}

function addMerge({ setup }: Story, project: Project, state: "opened" | "closed"): void {
  const { world } = setup.gitlab;
  const sha = "a".repeat(40);
  const edit = `sha256:${"b".repeat(64)}`;
  project.mergeRequests.push({
    id: world.nextId(),
    iid: 1,
    title: "Pull through the mirror",
    description: formatMarker({ v: 1, edit, files: edit, base: sha, head: sha }),
    state,
    labels: [],
    author: setup.human,
    assignees: [],
    reviewers: [],
    notes: [],
    createdAt: world.now(),
    updatedAt: world.now(),
    closedAt: null,
    sourceBranch: "tidepool/registry-mirror",
    sourceProjectId: project.id,
    targetBranch: "main",
    sha,
    mergedAt: null,
    mergeCommitSha: null,
    removeSourceBranch: true,
    squash: false,
  });
}

describe("tidepool report on a group", () => {
  it("writes one issue with projects by state, what bypasses, and the mirror's figures", async () => {
    const story = await start();
    addProject(story, "acme/proven", ["alpine:3"]);
    addProject(story, "acme/round", ["redis:7"]);
    addProject(story, "acme/quiet", []);
    addMerge(story, addProject(story, "acme/open", ["redis:7"]), "opened");
    addMerge(story, addProject(story, "acme/no", ["redis:7"]), "closed");
    addProject(story, "acme/off", ["redis:7"], { files: { ".tidepool.yml": "enabled: false\n" } });
    addProject(story, "acme/old", [], { archived: true });
    story.mirror.state.pulls = [record("library/alpine:3", "0a")];
    const result = await story.report();
    expect(result.stdout).toContain("90 % of 1,234 pulls came from cache. Report written: ");
    const [issue] = story.ops.issues;
    expect(issue?.title).toBe("Docker Hub mirror report: acme");
    expect(issue?.labels).toEqual(["tidepool"]);
    const body = issue?.description ?? "";
    for (const row of [
      /`acme\/proven`\].* \| proven \| \[pipeline #\d+\]/,
      /`acme\/round`\].* \| \*\*bypasses the mirror\*\* \| \[pipeline #\d+\]/,
      /`acme\/quiet`\].* \| pulls nothing from Docker Hub in its jobs/,
      /`acme\/open`\].* \| merge request open \| \[!1\]/,
      /`acme\/no`\].* \| opted out \| \[!1\]/,
      /`acme\/off`\].* \| opted out/,
      /- 1 projects that are archived, empty or being deleted\./,
      /171 of 200 in 6 h/,
      /pie showData/,
    ])
      expect(body).toMatch(row);
    expect(effects(story.setup)).toEqual([]);
  });

  it("edits nothing when it is run twice with nothing new, and its own issue when there is", async () => {
    const story = await start();
    addProject(story, "acme/proven", ["alpine:3"]);
    story.mirror.state.pulls = [record("library/alpine:3", "0a")];
    await story.report();
    const writes = story.setup.gitlab.writes().length;
    expect((await story.report()).stdout).toContain("Report unchanged: ");
    expect(story.setup.gitlab.writes()).toHaveLength(writes);

    story.day = "2026-11-24";
    story.mirror.state.catalog = [entry("library/alpine", ["3", "4"])];
    expect((await story.report()).stdout).toContain("Report edited: ");
    const told = ["- New: `alpine:4`", "- Left: `node:22`"];
    for (const line of told) expect(story.ops.issues[0]?.description).toContain(line);
    // The same comparison stands all day long.
    expect((await story.report()).stdout).toContain("Report unchanged: ");
    expect(story.ops.issues).toHaveLength(1);
  });

  it("stops when its issue is closed, and goes on when it is opened again", async () => {
    const story = await start();
    await story.report();
    const [issue] = story.ops.issues;
    if (issue === undefined) throw new Error("no issue");
    issue.state = "closed";
    story.day = "2026-11-30";
    const before = issue.description;
    expect((await story.report()).stdout).toContain("The report's issue is closed");
    expect(issue.description).toBe(before);
    expect(story.ops.issues).toHaveLength(1);
    issue.state = "opened";
    expect((await story.report()).stdout).toContain("Report edited: ");
  });

  it("keeps reports of different scopes in one project apart", async () => {
    const story = await start();
    await story.report();
    await story.report(["--project", "acme/ops"]);
    await story.report();
    expect(story.ops.issues.map(({ title }) => title)).toEqual([
      "Docker Hub mirror report: acme",
      "Docker Hub mirror report: acme/ops",
    ]);
  });

  it("finds its issue again after the token, and so its author, has changed", async () => {
    const story = await start();
    await story.report();
    const { world } = story.setup.gitlab;
    const next = world.addUser("group_2_bot", { bot: true });
    story.setup.group.members.set(next.id, 30);
    const token = world.addToken(next, ["api"], "2027-10-01");
    story.day = "2026-11-25";
    await runCommand(createReport({ clock: new VirtualClock("2026-11-25T08:00:00Z") }), GROUP, {
      GITLAB_URL: story.setup.gitlab.url,
      GITLAB_TOKEN: token.secret,
      TIDEPOOL_MIRROR: story.mirror.url,
    });
    expect(story.ops.issues).toHaveLength(1);
    expect(story.ops.issues[0]?.description).toContain("to 2026-11-25 (UTC)");
  });
});

describe("a mirror of another make", () => {
  it("is reported by what it holds, and the report says what it lacks", async () => {
    const story = await start({ plain: true });
    addProject(story, "acme/held", ["alpine:3"]);
    const result = await story.report();
    expect(result.stdout).toContain("The mirror holds 2 repositories. Report written: ");
    const body = story.ops.issues[0]?.description ?? "";
    expect(body).toContain("this mirror has no pull log, only a catalog");
    expect(body).toContain("held by the mirror");
    expect(body).not.toContain("mermaid");
  });
});

describe("when something is away", () => {
  it("says so in one sentence, ends with 1, and leaves the last report standing", async () => {
    const story = await start();
    addProject(story, "acme/proven", ["alpine:3"]);
    await story.report();
    const before = story.ops.issues[0]?.description;
    story.day = "2026-11-24";
    const fails = async (message: string | RegExp) => {
      const error: unknown = await story.report().catch((cause: unknown) => cause);
      expect(error).toMatchObject({ exitCode: 1 });
      expect((error as Error).message).toMatch(message);
      expect(story.ops.issues[0]?.description).toBe(before);
    };
    story.mirror.state.fault = { status: 500 };
    await fails(/^the mirror at \S+ answered 500 to GET \/api\/catalog$/);
    story.mirror.state.fault = null;
    story.setup.gitlab.faults = [({ path }) => (path.endsWith("/jobs") ? badGateway(false) : null)];
    await fails(/^GitLab answered 502 to GET projects\/\d+\/pipelines\/\d+\/jobs/);
    story.setup.gitlab.faults = [];
    story.setup.token.revoked = true;
    await fails(/does not accept GITLAB_TOKEN/);
  });
});

describe("wrong use", () => {
  it("is told before anything is asked", async () => {
    const story = await start();
    for (const [argv, message] of [
      [[], "either --project G/P or --group G"],
      [["--group", "a", "--project", "b"], "either --project G/P or --group G"],
      [["--group", "acme"], "--issue-project G/P"],
      [["--project", "acme/ops", "--since", "1w"], '--since takes days from 1d to 90d, not "1w"'],
      [["--project", "acme/ops", "--since", "0d"], "--since takes days"],
    ] as const)
      await expect(story.report(argv)).rejects.toThrow(message);
    expect(story.setup.gitlab.log).toEqual([]);
  });
});
