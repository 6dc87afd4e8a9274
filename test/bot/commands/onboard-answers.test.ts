import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BRANCH_NAME } from "../../../bot/render/branch-name.ts";
import { badGateway, first } from "../../helpers/fake-gitlab/faults.ts";
import { DIND_CI, MIRRORED_CI } from "../../helpers/onboard.ts";
import { MORE_DIND, startProject, type ProjectBench } from "../../helpers/project-bench.ts";

let bench: ProjectBench;

beforeEach(async () => {
  bench = await startProject();
});

afterEach(async () => {
  await bench.stop();
});

describe("a closed merge request", () => {
  it("is an answer", async () => {
    await bench.run();
    bench.setup.gitlab.world.close(bench.merge());
    const { status, reason, writes } = await bench.run();
    expect([status, writes]).toEqual(["declined", []]);
    expect(reason).toBe("closed as !1");
    expect((await bench.run("--reopen")).writes).toEqual([]);
  });

  it("is an answer still when its branch is gone", async () => {
    await bench.run();
    bench.setup.gitlab.world.close(bench.merge());
    bench.project.repository.branches.delete(BRANCH_NAME);
    expect((await bench.run()).status).toBe("declined");
  });

  it("is asked again only when the edits have changed and --reopen is given", async () => {
    await bench.run();
    bench.setup.gitlab.world.close(bench.merge());
    bench.push("main", MORE_DIND);
    const still = await bench.run();
    expect([still.status, still.writes]).toEqual(["declined", []]);
    expect(still.reason).toContain("--reopen asks again");
    const again = await bench.run("--reopen");
    expect(again.status).toBe("opened");
    expect(bench.project.mergeRequests.map(({ state }) => state)).toEqual(["closed", "opened"]);
    expect((await bench.run()).writes).toEqual([]);
  });

  it("is remembered for what it offered, not for the lines it stood on", async () => {
    await bench.run();
    bench.setup.gitlab.world.close(bench.merge());
    bench.push("main", `# a new head\n\n${DIND_CI}`);
    expect((await bench.run("--reopen")).status).toBe("declined");
  });

  it("without its marker is an answer too", async () => {
    await bench.run();
    bench.merge().description = "";
    bench.setup.gitlab.world.close(bench.merge());
    expect((await bench.run()).status).toBe("declined");
  });
});

describe("a merged merge request", () => {
  it("ends the matter", async () => {
    await bench.run();
    bench.setup.gitlab.world.merge(bench.project, bench.merge());
    const { status, reason, writes } = await bench.run();
    expect([status, reason, writes]).toEqual(["nothing", "has the mirror already", []]);
  });

  it("that was reverted is an answer", async () => {
    await bench.run();
    bench.setup.gitlab.world.merge(bench.project, bench.merge());
    bench.push("main", DIND_CI);
    const { status, reason, writes } = await bench.run();
    expect([status, writes]).toEqual(["declined", []]);
    expect(reason).toContain("undone since");
    expect((await bench.run("--reopen")).status).toBe("opened");
  });

  it("does not stand in the way of a new service", async () => {
    await bench.run();
    bench.setup.gitlab.world.merge(bench.project, bench.merge());
    bench.push("main", MORE_DIND.replace(DIND_CI, MIRRORED_CI));
    const { status } = await bench.run();
    expect(status).toBe("opened");
    expect(bench.project.mergeRequests).toHaveLength(2);
  });
});

describe("a default branch that needs nothing any more", () => {
  it("closes the merge request with one note", async () => {
    await bench.run();
    bench.push("main", MIRRORED_CI);
    const { status, writes } = await bench.run();
    expect(status).toBe("closed");
    expect(writes).toEqual(["POST /mr/1/notes", "PUT /mr/1"]);
    expect(bench.merge().state).toBe("closed");
    expect(bench.merge().notes[0]?.body).toContain("nothing left to change");
    expect((await bench.run()).writes).toEqual([]);
  });

  it("closes it with one note though the first try was cut off in between", async () => {
    await bench.run();
    bench.push("main", MIRRORED_CI);
    const match = { method: "PUT", path: /merge_requests\/1$/ };
    bench.setup.gitlab.faults = [first(3, match, badGateway(false))];
    expect((await bench.run()).status).toBe("failed");
    expect((await bench.run()).status).toBe("closed");
    expect(bench.merge().notes).toHaveLength(1);
  });

  it("that the bot closed is no answer: new edits are offered without --reopen", async () => {
    await bench.run();
    bench.push("main", MIRRORED_CI);
    await bench.run();
    bench.push("main", DIND_CI);
    expect((await bench.run()).status).toBe("opened");
  });

  it("is not concluded from a file that does not parse just now", async () => {
    await bench.run();
    bench.push("main", `${DIND_CI}\n  broken: [\n`);
    const { status, writes } = await bench.run();
    expect([status, writes]).toEqual(["unchanged", []]);
    expect(bench.merge().state).toBe("opened");
  });

  it("is seen in a repository of many files too", async () => {
    const files = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`src/${i}.txt`, "x"]));
    bench.setup.gitlab.world.push(bench.project, "main", { files });
    expect((await bench.run()).status).toBe("opened");
    bench.push("main", "test:\n  script: [make]\n");
    expect((await bench.run()).status).toBe("closed");
  });

  it("closes nothing of somebody else's", async () => {
    await bench.run();
    bench.push(BRANCH_NAME, "# mine\n");
    bench.push("main", MIRRORED_CI);
    await bench.run();
    expect(bench.merge().state).toBe("opened");
  });
});
