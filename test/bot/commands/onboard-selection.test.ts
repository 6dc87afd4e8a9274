import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BRANCH_NAME } from "../../../bot/render/branch-name.ts";
import { ROLE } from "../../helpers/fake-gitlab/model.ts";
import type { ProjectSeed } from "../../helpers/fake-gitlab/world.ts";
import { startGitLab, type Setup } from "../../helpers/gitlab-setup.ts";
import { DIND_CI, PLAIN_CI, runJson, runOnboard } from "../../helpers/onboard.ts";

const CI = ".gitlab-ci.yml";

let setup: Setup;

beforeEach(async () => {
  setup = await startGitLab();
});

afterEach(async () => {
  expect(setup.gitlab.complaints).toEqual([]);
  await setup.gitlab.stop();
});

function add(path: string, seed: ProjectSeed = {}) {
  return setup.gitlab.world.addProject(path, { files: { [CI]: DIND_CI }, ...seed });
}

async function statuses(...flags: string[]): Promise<Record<string, string>> {
  const { lines } = await runJson(setup, flags);
  const shown = [...lines].map(([path, { status, reason }]) => [
    path,
    status === "skipped" || status === "waiting" || status === "failed" ? reason : status,
  ]);
  return Object.fromEntries(shown) as Record<string, string>;
}

describe("which projects", () => {
  it("are those of a group with its subgroups, each skipped one with its reason", async () => {
    add("acme/app");
    add("acme/sub/deep/api");
    add("acme/archived", { archived: true });
    add("acme/mirror", { mirror: true });
    add("acme/closed", { mergeRequestsAccess: "disabled" });
    add("acme/gone", { markedForDeletion: true });
    setup.gitlab.world.addProject("acme/empty");
    add("other/app");
    expect(await statuses("--group", "acme", "--dry-run")).toEqual({
      "acme/app": "would-open",
      "acme/sub/deep/api": "would-open",
      "acme/archived": "is archived",
      "acme/mirror": "is a mirror of another repository, which would undo the edit",
      "acme/closed": "has merge requests turned off",
      "acme/gone": "is being deleted",
      "acme/empty": "has no commit yet",
    });
  });

  it("are skipped with the reason where the bot's role is too low, in a group's list and by name", async () => {
    const low = setup.gitlab.world.addGroup("low", [[setup.bot, ROLE.reporter]]);
    add("low/app");
    const reason = "the bot's role is below Developer";
    expect(await statuses("--group", low.path)).toEqual({ "low/app": reason });
    expect(await statuses("--project", "low/app")).toEqual({ "low/app": reason });
    expect(await statuses("--project", "low/app", "--dry-run")).toEqual({
      "low/app": "would-open",
    });
  });

  it("are named one by one, each once, and a name that is nothing fails alone", async () => {
    add("acme/app");
    add("secret/app");
    const flags = ["acme/app", "acme/app", "acme/nope", "secret/app"].flatMap((path) => [
      "--project",
      path,
    ]);
    const { exitCode, lines } = await runJson(setup, flags);
    expect(exitCode).toBe(1);
    expect([...lines.values()].map(({ status }) => status)).toEqual(["failed", "failed", "opened"]);
    expect(lines.get("secret/app")?.reason).toBe(
      "does not exist, or the token's user may not see it",
    );
  });

  it("of a group that is nothing fail alone", async () => {
    add("acme/app");
    const flags = ["--group", "nope", "--group", "acme", "--dry-run"];
    expect(await statuses(...flags)).toEqual({
      nope: "does not exist, or the token's user may not see it",
      "acme/app": "would-open",
    });
  });

  it("are filtered by pattern and topic", async () => {
    add("acme/api-one", { topics: ["docker"] });
    add("acme/sub/api-two", { topics: ["docker", "go"] });
    add("acme/web", { topics: ["docker"] });
    const dry = ["--group", "acme", "--dry-run"];
    expect(Object.keys(await statuses(...dry, "--filter", "acme/**/api-*"))).toHaveLength(2);
    expect(Object.keys(await statuses(...dry, "--filter", "acme/api-*"))).toEqual(["acme/api-one"]);
    expect(Object.keys(await statuses(...dry, "--topic", "docker", "--topic", "go"))).toEqual([
      "acme/sub/api-two",
    ]);
  });

  it("are looked for among all memberships only with a filter that names a group", async () => {
    add("acme/app");
    const invited = add("strangers/trap");
    invited.members.set(setup.bot.id, ROLE.maintainer);
    expect(await statuses("--filter", "acme/**", "--dry-run")).toEqual({
      "acme/app": "would-open",
    });
    await expect(runOnboard(setup, [])).rejects.toThrow("say which projects");
    await expect(runOnboard(setup, ["--topic", "docker"])).rejects.toThrow("say which projects");
    await expect(runOnboard(setup, ["--filter", "**/app"])).rejects.toThrow("strangers");
  });

  it("with their CI file under another name are read there", async () => {
    const project = add("acme/app", {
      files: { "ci/main.yml": DIND_CI },
      ciConfigPath: "ci/main.yml",
    });
    expect(await statuses("--project", "acme/app")).toEqual({ "acme/app": "opened" });
    expect(project.repository.resolve(BRANCH_NAME)?.files.get("ci/main.yml")).toBeDefined();
  });

  it("with their CI configuration in another repository are left, and this is said", async () => {
    add("acme/app", { ciConfigPath: "main.yml@acme/ci" });
    const { stderr, lines } = await runJson(setup, ["--project", "acme/app"]);
    expect(lines.get("acme/app")?.status).toBe("nothing");
    expect(stderr).toContain("its CI configuration is main.yml@acme/ci, elsewhere");
  });
});

function count(lines: Record<string, string>, status: string): number {
  return Object.values(lines).filter((one) => one === status).length;
}

describe("limits", () => {
  it("stop a run after so many merge requests, and the next run goes on", async () => {
    for (const name of ["a", "b", "c", "d", "e"]) add(`acme/${name}`);
    const first = await statuses("--group", "acme", "--limit", "2");
    expect(count(first, "opened")).toBe(2);
    expect(first["acme/c"]).toBe("2 were opened in this run (--limit)");
    const second = await statuses("--group", "acme", "--limit", "2");
    expect([count(second, "opened"), count(second, "unchanged")]).toEqual([2, 2]);
  });

  it("keep no more than so many open in one group", async () => {
    for (const name of ["a", "b", "c"]) add(`acme/one/${name}`);
    add("acme/two/x");
    const first = await statuses("--group", "acme", "--group-limit", "1");
    expect(first).toMatchObject({ "acme/one/a": "opened", "acme/two/x": "opened" });
    expect(first["acme/one/b"]).toBe("1 are open in acme/one (--group-limit)");
    const { world } = setup.gitlab;
    const project = world.findProject("acme/one/a");
    expect((await statuses("--group", "acme", "--group-limit", "1"))["acme/one/b"]).toContain(
      "open",
    );
    const merge = project?.mergeRequests[0];
    if (project && merge) world.merge(project, merge);
    expect((await statuses("--group", "acme", "--group-limit", "1"))["acme/one/b"]).toBe("opened");
  });
});

describe("one failing project", () => {
  it("does not stop the rest, and ends in exit code 1", async () => {
    const broken = add("acme/broken");
    add("acme/fine");
    setup.gitlab.faults = [
      ({ path }) =>
        path.startsWith(`/projects/${broken.id}/repository`)
          ? { kind: "answer", status: 500, effect: false }
          : null,
    ];
    const { exitCode, lines } = await runJson(setup, ["--group", "acme"]);
    expect(exitCode).toBe(1);
    expect(lines.get("acme/fine")?.status).toBe("opened");
    expect(lines.get("acme/broken")?.reason).toContain("GitLab answered 500");
  });
});

describe("a list of projects that breaks off", () => {
  it("ends the run before anything is opened, as what was not seen may clash with what was", async () => {
    for (let i = 0; i < 120; i += 1) add(`acme/p${i}`, { files: { [CI]: PLAIN_CI } });
    add("acme/app");
    setup.gitlab.faults = [
      ({ path, count }) =>
        path === "/groups/acme/projects" && count > 5
          ? { kind: "answer", status: 500, effect: false }
          : null,
    ];
    await expect(runOnboard(setup, ["--group", "acme"])).rejects.toThrow("GitLab answered 500");
    expect(setup.gitlab.writes()).toEqual([]);
  });
});

describe("the token", () => {
  it("with read_api suffices for a dry run, which writes nothing and prints the diff", async () => {
    add("acme/app");
    const { token } = setup;
    const reader = setup.gitlab.world.addToken(token.user, ["read_api"]).secret;
    const result = await runOnboard(setup, ["--group", "acme", "--dry-run"], { token: reader });
    expect(result.exitCode).toBe(0);
    expect(setup.gitlab.log.filter(({ method }) => method !== "GET")).toEqual([]);
    expect(result.stdout).toContain(
      '+      command: ["--registry-mirror=https://mirror.example.dev"]',
    );
    expect(result.stdout).toContain("would open     acme/app");
  });

  it("without the scope is refused in words before anything else is asked", async () => {
    const { token } = setup;
    const reader = setup.gitlab.world.addToken(token.user, ["read_api"]).secret;
    await expect(runOnboard(setup, ["--group", "acme"], { token: reader })).rejects.toThrow(
      "GITLAB_TOKEN has the scopes read_api: to open merge requests it needs api; with --dry-run read_api suffices",
    );
    expect(setup.gitlab.log).toHaveLength(1);
  });

  it.each([
    ["expired", (): string => setup.gitlab.world.addToken(setup.bot, ["api"], "2020-01-01").secret],
    ["mistyped", (): string => "glpat-nobody"],
  ])("that is %s is refused in words, and not shown", async (_, make) => {
    const token = make();
    const failure: unknown = await runOnboard(setup, ["--group", "acme"], { token }).catch(
      (error: unknown) => error,
    );
    expect(String(failure)).toContain("does not accept GITLAB_TOKEN");
    expect(String(failure)).not.toContain(token);
    expect(failure).toMatchObject({ exitCode: 2 });
  });

  it("that ends soon is warned about", async () => {
    add("acme/app", { files: { [CI]: PLAIN_CI } });
    const token = setup.gitlab.world.addToken(setup.bot, ["api"], "2026-11-30").secret;
    const { stderr } = await runOnboard(setup, ["--group", "acme"], { token });
    expect(stderr).toContain("GITLAB_TOKEN ends in 7 days (2026-11-30)");
  });
});

describe("layers", () => {
  const daemon = '{\n  "live-restore": true\n}\n';
  const mirroredDaemon = '{\n  "registry-mirrors": ["https://mirror.example.dev"]\n}\n';
  const mount = `[[runners]]
  name = "r"
  executor = "docker"
  [runners.docker]
    image = "alpine"
    volumes = ["/opt/docker/daemon.json:/etc/docker/daemon.json:ro"]
`;

  it("of a runner's repository are edited with --runner-config", async () => {
    const project = add("acme/ops", { files: { "docker/daemon.json": daemon } });
    expect(await statuses("--project", "acme/ops", "--dry-run")).toEqual({ "acme/ops": "nothing" });
    expect(await statuses("--runner-config", "acme/ops")).toEqual({ "acme/ops": "opened" });
    const after = project.repository.resolve(BRANCH_NAME)?.files.get("docker/daemon.json");
    expect(after?.content.toString()).toContain(
      '"registry-mirrors": ["https://mirror.example.dev"]',
    );
  });

  it("that would clash across repositories are not opened, neither of them, and the run says why", async () => {
    add("acme/app");
    add("acme/ops", { files: { "docker/daemon.json": daemon, "config.toml": mount } });
    const flags = ["--project", "acme/app", "--runner-config", "acme/ops"];
    const { exitCode, lines } = await runJson(setup, flags);
    expect(exitCode).toBe(1);
    expect(lines.get("acme/app")).toMatchObject({
      status: "conflict",
      reason: expect.stringContaining("acme/ops mounts a daemon.json with registry-mirrors"),
    });
    expect(lines.get("acme/ops")).toMatchObject({
      status: "conflict",
      reason: expect.stringContaining("acme/app has --registry-mirror on a service"),
    });
    expect(setup.gitlab.writes()).toEqual([]);
  });

  it("that are there already stand, and only what clashes with them is held back", async () => {
    add("acme/app");
    add("acme/plain", { files: { [CI]: PLAIN_CI } });
    add("acme/ops", { files: { "docker/daemon.json": mirroredDaemon, "config.toml": mount } });
    const flags = ["--group", "acme", "--runner-config", "acme/ops"];
    const { lines } = await runJson(setup, flags);
    expect(lines.get("acme/app")?.status).toBe("conflict");
    expect(lines.get("acme/ops")?.status).toBe("nothing");
    expect(setup.gitlab.writes()).toEqual([]);
  });
});
