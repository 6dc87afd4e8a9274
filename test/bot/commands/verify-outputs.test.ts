import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { badGateway } from "../../helpers/fake-gitlab/faults.ts";
import { type VerifyStory, pullJob, startStory } from "../../helpers/verify.ts";
import { entry } from "../render/views.ts";
import { record } from "../verify/world.ts";

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

describe("what else verify writes", () => {
  it("is a JUnit report with an image for a test case", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tidepool-"));
    const story = await start();
    story.addPipeline([
      pullJob("alpine:3", "aa"),
      pullJob("redis:7", "bb", { name: 'quoted "<name>" & \u0007' }),
    ]);
    story.mirror.state.pulls = [record("library/alpine:3", "aa")];
    await story.verify([...MR, "--junit", join(folder, "report.xml")]);
    const xml = await readFile(join(folder, "report.xml"), "utf8");
    await rm(folder, { recursive: true });
    expect(xml).toContain('<testsuites name="tidepool verify" tests="2" failures="1" skipped="0"');
    expect(xml).toContain('<testcase classname="acme/shop.build" name="alpine:3 (docker)"/>');
    expect(xml).toContain('<testsuite name="quoted &quot;&lt;name&gt;&quot; &amp; \uFFFD"');
    expect(xml).toContain("Status: Downloaded newer image for redis:7");
  });

  it("is nothing in a dry run, for which a token that reads suffices", async () => {
    const story = await start({}, ["read_api"]);
    story.addPipeline([pullJob("alpine:3", "aa")]);
    story.mirror.state.pulls = [record("library/alpine:3", "aa")];
    const result = await story.verify([...MR, "--dry-run"]);
    expect(result.stdout).toContain("### The one Docker Hub image came through the mirror");
    expect(story.setup.gitlab.writes()).toEqual([]);
    await expect(story.verify(MR)).rejects.toThrow("GITLAB_TOKEN has the scopes read_api");
  });

  it("is a comment without a status where the role does not reach", async () => {
    const story = await start();
    story.addPipeline([pullJob("alpine:3", "aa")]);
    story.setup.group.members.set(story.setup.bot.id, 20);
    story.mirror.state.pulls = [record("library/alpine:3", "aa")];
    const result = await story.verify(MR);
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toContain("warning: no commit status: GitLab answered 403");
    expect(story.merge.notes).toHaveLength(1);
  });
});

describe("a mirror of another make", () => {
  it("is verified by its catalog, in weaker words", async () => {
    const story = await start({ plain: true });
    story.mirror.state.catalog = [entry("library/alpine", ["3"])];
    story.addPipeline([pullJob("alpine:3", "aa"), pullJob("redis:7", "bb", { name: "other" })]);
    const result = await story.verify(MR);
    expect(result.exitCode).toBe(1);
    const body = story.merge.notes[0]?.body ?? "";
    expect(body).toContain("has no pull log, only a catalog: **this shows less**");
    expect(body).toContain("1 bypassed the mirror, 1 held by the mirror.");
    expect(body).not.toContain("served from cache");
  });
});

async function failing(
  change: (story: VerifyStory) => Promise<void> | void,
  argv: readonly string[] = MR,
  { exitCode = 1, env = {} }: { exitCode?: number; env?: Record<string, string> } = {},
): Promise<string> {
  const story = await start();
  story.addPipeline([pullJob("alpine:3", "aa")]);
  story.mirror.state.pulls = [record("library/alpine:3", "aa")];
  await story.verify(MR);
  const standing = story.merge.notes.map(({ body }) => body);
  await change(story);
  const error = await story.verify(argv, env).then(
    () => new Error("did not fail"),
    (cause: unknown) => cause as Error & { exitCode?: number },
  );
  expect(error).toMatchObject({ exitCode });
  expect(story.merge.notes.map(({ body }) => body)).toEqual(standing);
  return error.message
    .replaceAll(story.setup.gitlab.url, "GITLAB")
    .replaceAll(story.mirror.url, "MIRROR");
}

function refuse({ mirror }: VerifyStory): void {
  mirror.state.token = "new";
}

describe("when something is away", () => {
  it("says so in one sentence, ends with 1, or 2 for want of a setting, and leaves the last comment standing", async () => {
    expect(await failing(({ mirror }) => mirror.close())).toBe(
      "the mirror at MIRROR cannot be reached: ECONNREFUSED",
    );
    stories.splice(0);
    expect(await failing(({ mirror }) => void (mirror.state.fault = { status: 500 }))).toBe(
      "the mirror at MIRROR answered 500 to GET /api/catalog",
    );
    expect(await failing(refuse, MR, { exitCode: 2 })).toBe(
      "the mirror at MIRROR wants a token (403 to GET /api/catalog): set TIDEPOOL_TOKEN",
    );
    expect(await failing(refuse, MR, { env: { TIDEPOOL_TOKEN: "old" } })).toBe(
      "the mirror at MIRROR refuses the token in TIDEPOOL_TOKEN (403 to GET /api/catalog)",
    );
    expect(await failing(({ setup }) => void (setup.token.revoked = true))).toBe(
      "GITLAB does not accept GITLAB_TOKEN (invalid_token: Token was revoked. You have to re-authorize from the user.); it may be mistyped, expired or revoked",
    );
    expect(
      await failing(({ setup }) => {
        setup.gitlab.faults = [({ path }) => (path.endsWith("/trace") ? badGateway(false) : null)];
      }),
    ).toMatch(
      /^GitLab answered 502 to GET projects\/\d+\/jobs\/\d+\/trace: GitLab is not responding/,
    );
    expect(await failing(() => undefined, ["--merge-request", "7"])).toBe(
      "acme/shop has no merge request !7",
    );
  });
});
