import { afterEach, describe, expect, it } from "vitest";
import { type VerifyStory, pullJob, startStory } from "../../helpers/verify.ts";
import { record } from "../verify/world.ts";

const stories: VerifyStory[] = [];

afterEach(async () => {
  for (const story of stories.splice(0)) {
    expect(story.setup.gitlab.complaints).toEqual([]);
    await story.stop();
  }
});

async function start(): Promise<VerifyStory> {
  const story = await startStory({ pulls: [record("library/alpine:3", "aa")] });
  stories.push(story);
  return story;
}

describe("tidepool verify --finished", () => {
  it("verifies each finished pipeline of an open merge request once", async () => {
    const story = await start();
    story.addPipeline([pullJob("alpine:3", "aa")]);
    const first = await story.verify(["--finished", "--since", "30d"]);
    expect(first.stdout).toContain(
      "acme/shop!1\nThe one Docker Hub image came through the mirror.",
    );
    const { length } = story.setup.gitlab.writes();
    expect(await story.verify(["--finished", "--since", "30d"])).toMatchObject({ stdout: "" });
    expect(story.setup.gitlab.writes()).toHaveLength(length);

    story.addPipeline([pullJob("alpine:3", "aa"), pullJob("redis:7", "bb", { name: "round" })]);
    const second = await story.verify(["--finished", "--since", "30d"]);
    expect(second.exitCode).toBe(1);
    expect(story.merge.notes).toHaveLength(2);
  });

  it("passes over what still runs, what is merged, and what has nothing to tell", async () => {
    const story = await start();
    const running = story.addPipeline([pullJob("alpine:3", "aa")]);
    running.status = "running";
    expect(await story.verify(["--finished"])).toMatchObject({ stdout: "", stderr: "" });
    running.status = "success";
    story.merge.state = "merged";
    expect(await story.verify(["--finished"])).toMatchObject({ stdout: "", stderr: "" });
    story.merge.state = "opened";
    story.addPipeline([{ name: "lint", trace: "$ make lint\n" }]);
    const quiet = await story.verify(["--finished"]);
    expect(quiet).toMatchObject({ exitCode: 0, stderr: "comment on !1: none\n" });
    expect(story.merge.notes).toEqual([]);
  });

  it("is no way to verify one pipeline", async () => {
    const story = await start();
    for (const [argv, message] of [
      [["--finished", "--merge-request", "1"], "--merge-request is about one pipeline"],
      [["--finished", "--json"], "--json is about one pipeline"],
      [["--merge-request", "1", "--group", "acme"], "--group goes with --finished"],
      [["--merge-request", "1", "--pipeline", "2"], "say what to verify"],
      [["--merge-request", "x"], '--merge-request takes a number, not "x"'],
    ] as const)
      await expect(story.verify(argv)).rejects.toThrow(message);
    expect(story.setup.gitlab.log).toEqual([]);
  });
});
