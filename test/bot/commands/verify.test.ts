import { afterEach, describe, expect, it } from "vitest";
import { formatMarker } from "../../../bot/render/marker.ts";
import { BARE_429, every } from "../../helpers/fake-gitlab/faults.ts";
import { TIMES, type VerifyStory, effects, pullJob, startStory } from "../../helpers/verify.ts";
import { HOSTILE } from "../render/views.ts";
import { START, must, pulled, record } from "../verify/world.ts";

const stories: VerifyStory[] = [];

afterEach(async () => {
  for (const story of stories.splice(0)) {
    expect(story.setup.gitlab.complaints).toEqual([]);
    await story.stop();
  }
});

async function start(...args: Parameters<typeof startStory>): Promise<VerifyStory> {
  const story = await startStory(...args);
  stories.push(story);
  return story;
}

const MR = ["--merge-request", "1"] as const;

describe("tidepool verify on a merge request", () => {
  it("comments first time, then served from cache, in one comment", async () => {
    const story = await start();
    story.addPipeline([pullJob("alpine:3", "aa")]);
    story.mirror.state.pulls = [record("library/alpine:3", "aa", { outcome: "miss" })];
    expect(await story.verify(MR)).toMatchObject({ exitCode: 0 });
    expect(story.merge.notes.map(({ body }) => body)).toEqual([
      expect.stringContaining("1 through the mirror for the first time."),
    ]);

    story.addPipeline([pullJob("alpine:3", "aa")]);
    story.mirror.state.pulls = [record("library/alpine:3", "aa")];
    const second = await story.verify(MR);
    expect(second.stderr).toBe("comment on !1: edited\n");
    expect(second.stdout).toContain("The one Docker Hub image came through the mirror.");
    expect(story.merge.notes.map(({ body }) => body)).toEqual([
      expect.stringContaining("1 served from cache."),
    ]);
  });

  it("writes nothing more where nothing is new", async () => {
    const story = await start();
    story.addPipeline([pullJob("alpine:3", "aa")]);
    story.mirror.state.pulls = [record("library/alpine:3", "aa")];
    await story.verify(MR);
    const before = story.setup.gitlab.writes().length;
    const again = await story.verify(MR);
    expect(again.stderr).toBe("comment on !1: unchanged\n");
    const written = story.setup.gitlab.writes().slice(before);
    // The status is told again: GitLab refuses what it has already, and nobody is written to.
    expect(written.map(({ path }) => path.replace(/[0-9a-f]{40}/, "SHA"))).toEqual([
      expect.stringContaining("/statuses/SHA"),
    ]);
  });

  it("adds one short note when the verdict flips, and none when it stays", async () => {
    const story = await start();
    const [image] = [pullJob("alpine:3", "aa")];
    story.addPipeline([must(image)]);
    story.mirror.state.pulls = [record("library/alpine:3", "aa")];
    await story.verify(MR);
    for (const pulls of [[], [], [record("library/alpine:3", "aa")]]) {
      story.addPipeline([must(image)]);
      story.mirror.state.pulls = pulls;
      await story.verify(MR);
    }
    const [comment, ...flips] = story.merge.notes.map(({ body }) => body);
    expect(comment).toContain("### The one Docker Hub image came through the mirror");
    const link = `[What it rests on](${story.setup.gitlab.url}/acme/shop/-/merge_requests/1#note_${story.merge.notes[0]?.id}).`;
    expect(flips).toEqual([
      `Tidepool: 1 of 1 Docker Hub image bypassed the mirror. ${link}`,
      `Tidepool: The one Docker Hub image came through the mirror. ${link}`,
    ]);
  });

  it("leaves a comment with its marker alone that somebody else wrote", async () => {
    const story = await start();
    story.addPipeline([pullJob("alpine:3", "aa")]);
    const body = '<!-- tidepool verify {"v":1,"state":"proven","pipeline":1} -->';
    story.setup.gitlab.world.addNote(story.merge, story.setup.human, body);
    await story.verify(MR);
    expect(story.merge.notes.map(({ author }) => author.username)).toEqual([
      "jane",
      "group_1_bot_abc",
    ]);
    expect(story.merge.notes[0]?.body).toBe(body);
  });

  it("sets the status on the pipeline it looked at, and begins no other", async () => {
    const story = await start();
    const pipeline = story.addPipeline([pullJob("alpine:3", "aa")]);
    const result = await story.verify(MR);
    expect(result.exitCode).toBe(1);
    expect(story.project.statuses).toMatchObject([
      {
        name: "tidepool/verify",
        state: "failed",
        pipelineId: pipeline.id,
        description: "1 of 1 Docker Hub image bypassed the mirror",
      },
    ]);
    expect(story.project.pipelines).toHaveLength(1);
  });

  it("tells a bypass and fails nothing where it is asked to advise", async () => {
    const story = await start();
    story.addPipeline([pullJob("alpine:3", "aa")]);
    expect((await story.verify([...MR, "--advisory"])).exitCode).toBe(0);
    expect(story.project.statuses[0]?.state).toBe("success");
    expect(story.merge.notes[0]?.body).toContain("bypassed the mirror");
  });

  it("puts one measured line into the onboarding merge request's description, and keeps the rest", async () => {
    const story = await start();
    const sha = "a".repeat(40);
    const edit = `sha256:${"b".repeat(64)}`;
    const marker = formatMarker({ v: 1, edit, files: edit, base: sha, head: sha });
    story.merge.description = `Claims.\n\n${marker}\n\nA person's own words.`;
    story.addPipeline([pullJob("alpine:3", "aa")]);
    story.mirror.state.pulls = [record("library/alpine:3", "aa")];
    await story.verify(MR);
    await story.verify(MR);
    expect(
      story.merge.description.startsWith(`Claims.\n\n${marker}\n\nA person's own words.\n\n`),
    ).toBe(true);
    expect(story.merge.description.match(/\*\*Measured\*\*/g)).toHaveLength(1);
    const edits = story.setup.gitlab
      .writes()
      .filter(({ method, path }) => method === "PUT" && path.endsWith("/merge_requests/1"));
    expect(edits).toHaveLength(1);
  });

  it("lets no name from a log run a command or write to anybody", async () => {
    const story = await start();
    story.addPipeline(
      HOSTILE.map((name) =>
        pullJob("alpine:3", "aa", {
          name,
          trace: `${pulled("alpine:3", "aa")}\n#4 [${name} auth] library/node:pull token for registry-1.docker.io\n$ docker pull -q ${name}\n/close\n`,
        }),
      ),
    );
    await story.verify(MR);
    expect(story.merge.notes).toHaveLength(1);
    expect(effects(story.setup)).toEqual([]);
  });
});

function bridge(name: string, projectId: number, pipelineId: number) {
  return { name, bridge: true, downstream: { projectId, pipelineId } };
}

describe("the pipeline that is looked at", () => {
  it("is read with retried attempts, children and downstream pipelines; what never ran is passed over", async () => {
    const story = await start();
    const { world } = story.setup.gitlab;
    const other = world.addProject("acme/lib", { files: { a: "b" } });
    const hidden = world.addProject("secret/app", { files: { a: "b" } });
    const child = world.addPipeline(story.project, {
      sha: story.merge.sha,
      jobs: [pullJob("redis:7", "bb", { name: "child" })],
    });
    const downstream = world.addPipeline(other, {
      jobs: [pullJob("nginx:1", "cc", { name: "lib" })],
    });
    const secret = world.addPipeline(hidden, { jobs: [pullJob("mysql:8", "dd")] });
    const never = { startedAt: null, finishedAt: null, trace: pulled("never:1", "ff") };
    story.addPipeline([
      pullJob("alpine:3", "aa", { retried: true, status: "failed" }),
      pullJob("alpine:3", "aa"),
      { name: "deploy", status: "manual", ...never },
      { name: "skipped", status: "skipped", ...never },
      { name: "running", status: "running", ...never, startedAt: TIMES.startedAt },
      bridge("children", story.project.id, child.id),
      bridge("lib", other.id, downstream.id),
      bridge("secret", hidden.id, secret.id),
    ]);
    const result = await story.verify([...MR, "--json"]);
    const json = JSON.parse(result.stdout) as {
      images: { image: string; job: { name: string; project: string } }[];
      unread: unknown[];
    };
    expect(
      json.images.map(({ image, job }) => `${image} ${job.project} ${job.name}`).toSorted(),
    ).toEqual([
      "alpine:3 acme/shop build",
      "alpine:3 acme/shop build",
      "nginx:1 acme/lib lib",
      "redis:7 acme/shop child",
    ]);
    expect(json.unread).toEqual([
      { name: "running", why: "it had not finished" },
      { name: "secret", why: "the pipeline it started may not be read (404)" },
    ]);
    expect(story.merge.notes[0]?.body).toContain("`build (retried)`");
  });

  it("may be named itself, without a comment", async () => {
    const story = await start();
    const pipeline = story.addPipeline([pullJob("alpine:3", "aa")]);
    story.mirror.state.pulls = [record("library/alpine:3", "aa")];
    expect(await story.verify(["--pipeline", String(pipeline.id)])).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    expect(story.merge.notes).toEqual([]);
    expect(story.project.statuses).toHaveLength(1);
  });

  it("is its own while it runs: the job that asks is left out", async () => {
    const story = await start();
    const pipeline = story.addPipeline([
      pullJob("alpine:3", "aa"),
      { name: "tidepool", startedAt: TIMES.startedAt, finishedAt: null, status: "running" },
    ]);
    story.mirror.state.pulls = [record("library/alpine:3", "aa")];
    const own = String(must(pipeline.jobs[1]).id);
    const result = await story.verify([...MR, "--json"], { CI_JOB_ID: own });
    expect(JSON.parse(result.stdout)).toMatchObject({ state: "proven", unread: [] });
  });

  it("with 300 jobs takes few more requests than it has logs, and survives rate limits", async () => {
    const story = await start();
    const jobs = Array.from({ length: 300 }, (_, index) =>
      pullJob("alpine:3", "aa", { name: `job ${index}` }),
    );
    story.addPipeline(jobs);
    story.mirror.state.pulls = jobs.map((_, index) =>
      record("library/alpine:3", "aa", { timeMs: START + index * 100 }),
    );
    story.setup.gitlab.faults = [every(97, BARE_429)];
    const result = await story.verify([...MR, "--json"]);
    expect(JSON.parse(result.stdout)).toMatchObject({ state: "proven", counts: { cached: 300 } });
    const { log } = story.setup.gitlab;
    expect(log.filter(({ path }) => path.endsWith("/trace")).length).toBeGreaterThanOrEqual(300);
    expect(log.length).toBeLessThan(320);
  });
});
