import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BRANCH_NAME } from "../../../bot/render/branch-name.ts";
import { parseMarker } from "../../../bot/render/marker.ts";
import { ROLE } from "../../helpers/fake-gitlab/model.ts";
import { DIND_CI, MIRRORED_CI, runJson } from "../../helpers/onboard.ts";
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

describe("one merge request", () => {
  it("is found again by branch and marker when the token and its user have changed", async () => {
    await bench.run();
    const other = bench.setup.gitlab.world.addUser("group_1_bot_other", { bot: true });
    bench.setup.group.members.set(other.id, ROLE.developer);
    bench.setup.token.revoked = true;
    const token = bench.setup.gitlab.world.addToken(other, ["api"]).secret;
    bench.setup.gitlab.log.length = 0;
    const { lines } = await runJson(bench.setup, ["--project", PATH], { token });
    expect(lines.get(PATH)?.status).toBe("unchanged");
    expect(bench.setup.gitlab.writes()).toEqual([]);
    expect(bench.project.mergeRequests).toHaveLength(1);
  });

  it("is not written to by a rerun, not even after work elsewhere on the default branch", async () => {
    await bench.run();
    bench.push("main", `${DIND_CI}\n# a comment below\n`);
    bench.setup.gitlab.world.push(bench.project, "main", { files: { "src/x": "x" } });
    const { status, writes } = await bench.run();
    expect([status, writes]).toEqual(["unchanged", []]);
  });

  it("is one commit on top of the default branch, with nothing but the planned file changed", async () => {
    const base = bench.project.repository.branches.get("main") ?? "";
    await bench.run();
    const { repository } = bench.project;
    expect(repository.range(base, bench.merge().sha)).toHaveLength(1);
    expect(repository.changedPaths(base, bench.merge().sha)).toEqual([CI]);
    expect(bench.merge().removeSourceBranch).toBe(true);
  });

  it("carries one marker in body and commit, with the digest, the base and the head", async () => {
    const base = bench.project.repository.branches.get("main");
    await bench.run();
    const marker = parseMarker(bench.merge().description);
    expect(marker).toMatchObject({ v: 1, base, head: bench.merge().sha });
    expect(bench.project.repository.resolve(BRANCH_NAME)?.message).toContain(
      `"edit":"${marker?.edit}"`,
    );
  });

  it("from a fork with the same branch name is not taken for the bot's", async () => {
    await bench.run();
    bench.merge().state = "closed";
    const fork = {
      ...bench.merge(),
      iid: 2,
      state: "opened" as const,
      sourceProjectId: 999,
      notes: [],
    };
    bench.project.mergeRequests.length = 0;
    bench.project.mergeRequests.push(fork);
    bench.project.repository.branches.delete(BRANCH_NAME);
    const { status } = await bench.run();
    expect(status).toBe("opened");
  });

  it("without the marker on the bot's branch is left alone", async () => {
    await bench.run();
    bench.merge().description = "Now mine";
    const { status, reason, writes } = await bench.run();
    expect([status, writes]).toEqual(["left-alone", []]);
    expect(reason).toContain("bears no marker");
  });
});

describe("refreshing", () => {
  it("happens when other edits are needed, by one forced commit and one update, and keeps the merge request", async () => {
    await bench.run();
    bench.push("main", MORE_DIND);
    const { status, writes } = await bench.run();
    expect(status).toBe("refreshed");
    expect(writes).toEqual(["POST /repository/commits", "PUT /mr/1"]);
    const commit = bench.setup.gitlab.log.find(({ path }) => path.endsWith("/repository/commits"));
    expect(commit?.body).toMatchObject({
      force: true,
      start_sha: bench.project.repository.branches.get("main"),
    });
    expect(bench.merge().state).toBe("opened");
    expect(bench.project.mergeRequests).toHaveLength(1);
    expect((await bench.run()).writes).toEqual([]);
  });

  it("happens when the branch no longer merges", async () => {
    await bench.run();
    bench.push(
      "main",
      DIND_CI.replace("- docker:24-dind   # the daemon", "- docker:24-dind # moved"),
    );
    const { status, reason } = await bench.run();
    expect([status, reason]).toEqual(["refreshed", "it no longer applies"]);
    const text = bench.project.repository.resolve(BRANCH_NAME)?.files.get(CI)?.content.toString();
    expect(text).toContain("# moved");
  });

  it("does not happen over and over while GitLab still tells of conflicts from before the push", async () => {
    await bench.run();
    const { repository } = bench.project;
    repository.hasConflicts = () => true;
    expect((await bench.run()).writes).toEqual([]);
  });

  it("does not happen to a merge request that somebody turned to another branch", async () => {
    await bench.run();
    bench.push("develop", "# quite another file\n");
    bench.merge().targetBranch = "develop";
    bench.push("main", MORE_DIND);
    const { status, reason, writes } = await bench.run();
    expect([status, reason, writes]).toEqual(["unchanged", "was turned to develop", []]);
  });

  it("never deletes the branch", async () => {
    await bench.run();
    bench.push("main", MORE_DIND);
    await bench.run();
    expect(bench.setup.gitlab.log.filter(({ method }) => method === "DELETE")).toEqual([]);
  });

  it("keeps what people wrote above and below the bot's part, and their labels and title", async () => {
    await bench.run();
    bench.merge().description = `Reviewed by Jane.\n\n${bench.merge().description}\n\n/cc later`;
    bench.merge().labels = ["infra"];
    bench.merge().title = "CI: mirror";
    bench.push("main", MORE_DIND);
    await bench.run();
    expect(bench.merge().description).toMatch(/^Reviewed by Jane\.\n\n<!-- tidepool begin -->/);
    expect(bench.merge().description.trimEnd()).toMatch(/-->\n\n\/cc later$/);
    expect(bench.merge().labels).toEqual(["infra"]);
    expect(bench.merge().title).toBe("CI: mirror");
    for (const { body } of bench.setup.gitlab.writes()) expect(body).not.toHaveProperty("labels");
  });

  it("follows the mirror when it moves, in branch, body and title", async () => {
    await bench.run("--commit-prefix", "chore(ci):");
    await bench.run("--commit-prefix", "chore(ci):", "--mirror", "https://new.example.dev");
    expect(bench.merge().title).toBe("chore(ci): pull Docker Hub images through new.example.dev");
    expect(bench.merge().description).toContain("<https://new.example.dev>");
    expect(bench.project.mergeRequests).toHaveLength(1);
  });
});

describe("a branch that somebody else pushed to", () => {
  it("is left alone, which is said once", async () => {
    await bench.run();
    const human = bench.push(BRANCH_NAME, "# mine\n");
    const { status, writes } = await bench.run();
    expect([status, writes]).toEqual(["left-alone", ["POST /mr/1/notes"]]);
    expect((await bench.run()).writes).toEqual([]);
    bench.push("main", MORE_DIND);
    expect((await bench.run()).writes).toEqual([]);
    expect(bench.project.repository.branches.get(BRANCH_NAME)).toBe(human);
    expect(bench.merge().notes).toHaveLength(1);
    expect(bench.merge().notes[0]?.body).toContain("tick the box");
  });

  it("is left alone where the bot's commit was amended and its trailer kept", async () => {
    await bench.run();
    const message = bench.project.repository.resolve(BRANCH_NAME)?.message ?? "";
    bench.project.repository.branches.delete(BRANCH_NAME);
    const amended = bench.push(BRANCH_NAME, MIRRORED_CI.replace("24-dind", "25-dind"), { message });
    const { status } = await bench.run();
    expect(status).toBe("left-alone");
    expect(bench.project.repository.branches.get(BRANCH_NAME)).toBe(amended);
  });

  it("is left alone where it was there before the bot came", async () => {
    const theirs = bench.push(BRANCH_NAME, "# theirs\n");
    const { status, writes } = await bench.run();
    expect([status, writes]).toEqual(["left-alone", []]);
    expect(bench.project.repository.branches.get(BRANCH_NAME)).toBe(theirs);
  });

  it("is left alone though the push came while the bot was about to refresh it", async () => {
    await bench.run();
    bench.push("main", MORE_DIND);
    let human = "";
    bench.setup.gitlab.faults = [
      ({ path }) => {
        if (path.endsWith("/ci/lint") && human === "") human = bench.push(BRANCH_NAME, "# mine\n");
        return null;
      },
    ];
    expect((await bench.run()).status).toBe("left-alone");
    expect(bench.project.repository.branches.get(BRANCH_NAME)).toBe(human);
  });

  it("is rebuilt when somebody ticks the box, once", async () => {
    await bench.run();
    bench.push(BRANCH_NAME, "# mine\n");
    await bench.run();
    bench.merge().description = bench.merge().description.replace("- [ ]", "- [x]");
    const { status, writes } = await bench.run();
    expect(status).toBe("refreshed");
    expect(writes).toEqual(["POST /repository/commits", "PUT /mr/1"]);
    expect(bench.merge().description).toContain("- [ ] <!-- tidepool rebuild -->");
    expect((await bench.run()).writes).toEqual([]);
  });
});
