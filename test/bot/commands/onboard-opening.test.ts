import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BRANCH_NAME } from "../../../bot/render/branch-name.ts";
import { parseMarker } from "../../../bot/render/marker.ts";
import { badGateway, first } from "../../helpers/fake-gitlab/faults.ts";
import { DIND_CI, runJson } from "../../helpers/onboard.ts";
import {
  CI,
  MORE_DIND,
  PATH,
  startProject,
  type ProjectBench,
} from "../../helpers/project-bench.ts";

let bench: ProjectBench;

beforeEach(async () => {
  bench = await startProject();
});

afterEach(async () => {
  await bench.stop();
});

describe("before anything is opened", () => {
  it("GitLab's CI lint must accept the result, or nothing is written", async () => {
    bench.project.lintErrors = ["jobs:build config contains unknown keys: retries"];
    const { exitCode, lines } = await runJson(bench.setup, ["--project", PATH]);
    expect(exitCode).toBe(1);
    expect(lines.get(PATH)).toMatchObject({ status: "rejected" });
    expect(lines.get(PATH)?.reason).toContain("unknown keys: retries");
    expect(bench.setup.gitlab.writes()).toEqual([]);
  });

  it("lints an included file on its branch, and opens nothing where it is refused", async () => {
    bench.setup.gitlab.world.push(bench.project, "main", {
      files: { [CI]: "include: /ci/build.yml\n", "ci/build.yml": DIND_CI },
    });
    bench.project.lintErrors = ["no"];
    expect((await bench.run()).status).toBe("rejected");
    expect(bench.project.mergeRequests).toEqual([]);
    const again = await bench.run();
    expect([again.status, again.writes]).toEqual(["rejected", []]);
    bench.project.lintErrors = null;
    const accepted = await bench.run();
    expect([accepted.status, accepted.writes]).toEqual(["opened", ["POST /mr"]]);
  });

  it("a file that changed since it was read is not overwritten", async () => {
    const match = { method: "POST", path: /ci\/lint$/ };
    let changed = false;
    bench.setup.gitlab.faults = [
      ({ method, path }) => {
        if (method === match.method && match.path.test(path) && !changed) {
          changed = true;
          bench.push("main", MORE_DIND);
        }
        return null;
      },
    ];
    const { status } = await bench.run();
    expect(status).toBe("opened");
    const statuses = bench.setup.gitlab.log
      .filter(({ path }) => path.endsWith("/repository/commits"))
      .map((one) => one.status);
    expect(statuses).toEqual([400, 201]);
    const text = bench.project.repository.resolve(BRANCH_NAME)?.files.get(CI)?.content.toString();
    expect(text?.match(/--registry-mirror/g)).toHaveLength(2);
  });
});

describe("what the merge request looks like", () => {
  it("is as configured: prefix, draft, labels, reviewers and assignees", async () => {
    const looks = "--draft --label ci --label docker --reviewer @jane --assignee jane".split(" ");
    expect((await bench.run("--commit-prefix", "chore(ci):", ...looks)).status).toBe("opened");
    expect(bench.merge()).toMatchObject({
      title: "Draft: chore(ci): pull Docker Hub images through mirror.example.dev",
      labels: ["ci", "docker"],
      reviewers: [bench.setup.human],
      assignees: [bench.setup.human],
    });
    const subject = bench.project.repository.resolve(BRANCH_NAME)?.message.split("\n")[0];
    expect(subject).toBe("chore(ci): pull Docker Hub images through mirror.example.dev");
  });

  it("is as the project's .tidepool.yml says, before the command line", async () => {
    const config = "labels: [own]\nreviewers: [jane]\ndraft: true\ncommit_prefix: 'build:'\n";
    bench.setup.gitlab.world.push(bench.project, "main", { files: { ".tidepool.yml": config } });
    await bench.run("--label", "theirs");
    expect(bench.merge()).toMatchObject({ labels: ["own"], reviewers: [bench.setup.human] });
    expect(bench.merge().title).toMatch(/^Draft: build: pull/);
  });

  it("is opened without a reviewer whom nobody knows, with a warning", async () => {
    const { stderr } = await runJson(bench.setup, ["--project", PATH, "--reviewer", "nobody"]);
    expect(stderr).toContain("no user is named nobody");
    expect(bench.merge().reviewers).toEqual([]);
  });
});

describe(".tidepool.yml", () => {
  it("opts out", async () => {
    bench.setup.gitlab.world.push(bench.project, "main", {
      files: { ".tidepool.yml": "enabled: false\n" },
    });
    const { status, reason, writes } = await bench.run();
    expect([status, writes]).toEqual(["skipped", []]);
    expect(reason).toBe(".tidepool.yml says enabled: false");
  });

  it("with an unknown key stops this project, and suggests the key that was meant", async () => {
    bench.setup.gitlab.world.push(bench.project, "main", {
      files: { ".tidepool.yml": "reviewer: [jane]\n" },
    });
    const { status, reason } = await bench.run();
    expect(status).toBe("failed");
    expect(reason).toBe('.tidepool.yml: unknown key "reviewer": did you mean "reviewers"?');
  });

  it("chooses the layers", async () => {
    const files = { ".tidepool.yml": "layers: [daemon]\n" };
    bench.setup.gitlab.world.push(bench.project, "main", { files });
    expect((await bench.run()).status).toBe("nothing");
  });
});

describe("a failure whose effect nobody knows", () => {
  const COMMIT = { method: "POST", path: /repository\/commits$/ };
  const OPEN = { method: "POST", path: /\/merge_requests$/ };
  it.each([
    ["the commit, which took effect", COMMIT, badGateway(true)],
    ["the commit, which did not", COMMIT, badGateway(false)],
    ["the opening, which took effect", OPEN, badGateway(true)],
    ["the opening, which did not", OPEN, badGateway(false)],
    ["the opening, cut off after it took effect", OPEN, { kind: "drop", effect: true } as const],
  ])("of %s ends in one merge request and one commit", async (_, match, fault) => {
    bench.setup.gitlab.faults = [first(1, match, fault)];
    const { status } = await bench.run();
    expect(status).toBe("opened");
    expect(bench.project.mergeRequests).toHaveLength(1);
    const main = bench.project.repository.branches.get("main") ?? "";
    expect(bench.project.repository.range(main, bench.merge().sha)).toHaveLength(1);
    expect((await bench.run()).writes).toEqual([]);
  });
});

describe("two runs at once", () => {
  it("open one merge request", async () => {
    const runs = [1, 2, 3].map(() => runJson(bench.setup, ["--project", PATH]));
    const results = await Promise.all(runs);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(bench.project.mergeRequests).toHaveLength(1);
    expect(parseMarker(bench.merge().description)?.head).toBe(bench.merge().sha);
  });
});
