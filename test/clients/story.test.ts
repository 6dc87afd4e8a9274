import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { SYSTEM_CLOCK } from "../../bot/gitlab/clock.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import { type VerifyStory, startStory } from "../helpers/verify.ts";
import { tidepool } from "../bot/commands/run.ts";
import { type Daemon, hasDaemons, startDockerd } from "./daemons.ts";
import { loadDindImage } from "./edit-daemon.ts";
import { BUSYBOX, buildImage } from "./images.ts";

const CI = `build:
  image: docker:24
  services:
    - docker:24-dind   # the daemon
  script:
    - docker pull tide:1
    - docker build .
`;

const hasAll = hasDaemons && existsSync(BUSYBOX);

/**
 * The whole story: the bot's edit of a CI file starts a real dind with the command it wrote, a job's real log is given
 * to GitLab's stand-in, and `verify` reads it beside the real mirror's real pull log.
 */
describe.skipIf(!hasAll)("the whole story (skipped where there is no dockerd)", () => {
  let folder: string;
  let hub: FakeHub;
  let mirror: TestMirror;
  let story: VerifyStory;
  let host: Daemon;
  let command: readonly string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-story-"));
    hub = await startFakeHub();
    hub.push("library/tide", "1", await buildImage(1024 * 1024));
    hub.push("library/base", "2", await buildImage(1024));
    hub.push("library/round", "3", await buildImage(1024));
    mirror = await startTestMirror({ UPSTREAM: hub.url });
    story = await startStory();
    host = await startDockerd(join(folder, "host"), []);
    loadDindImage({ socket: host.url.replace("unix://", ""), stop: () => host.stop() });
    command = await editedCommand();
  });
  afterAll(async () => {
    await host.stop();
    await story.stop();
    await mirror.stop();
    await hub.close();
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  });

  /** What `tidepool edit --write` makes of the project's CI file. */
  async function editedCommand(): Promise<readonly string[]> {
    const checkout = await mkdtemp(join(folder, "checkout-"));
    const file = join(checkout, ".gitlab-ci.yml");
    await writeFile(file, CI);
    const { code } = tidepool(["edit", checkout, "--mirror", mirror.url.origin, "--write"]);
    expect(code).toBe(0);
    const edited = parse(await readFile(file, "utf8")) as {
      build: { services: [{ command: string[] }] };
    };
    expect(edited.build.services[0].command).toEqual([`--registry-mirror=${mirror.url.origin}`]);
    return edited.build.services[0].command;
  }

  /** A dind of its own for each job, as GitLab Runner starts one; gives what the job's script prints. */
  async function runJob(flags: readonly string[], script: readonly string[][]): Promise<string> {
    const rights = ["--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN"];
    const options = ["seccomp", "apparmor", "systempaths"].map(
      (of) => `--security-opt=${of}=unconfined`,
    );
    await host.docker(
      "run",
      "-d",
      "--name=dind",
      "--network=host",
      ...rights,
      ...options,
      "dind:test",
      ...flags,
    );
    const inside = (...args: string[]) => host.docker("exec", "dind", ...args);
    try {
      await vi.waitFor(() => inside("docker", "version"), { timeout: 60_000, interval: 300 });
      let log = "";
      for (const line of script) log += stamp(`$ ${line.join(" ")}\n${await inside(...line)}`);
      return log;
    } finally {
      await host.docker("rm", "-f", "dind");
    }
  }

  const DOCKERFILE =
    "printf 'FROM base:2\\n' > /tmp/Dockerfile && docker build -t app -f /tmp/Dockerfile /tmp";

  /** Runs a job, gives its log to GitLab, and verifies the pipeline. */
  async function verify(flags: readonly string[], script: readonly string[][]) {
    const startedAt = new Date(Date.now() - 1000).toISOString();
    const trace = await runJob(flags, script);
    const finishedAt = new Date().toISOString();
    story.addPipeline([{ name: "build", startedAt, finishedAt, trace }]);
    // The mirror writes its log a moment after it has answered.
    await vi.waitFor(
      async () => {
        const { pulls } = (await (
          await mirror.fetch(`/api/pulls?since=${Date.parse(startedAt)}`)
        ).json()) as {
          pulls: unknown[];
        };
        expect(pulls.length).toBeGreaterThan(0);
      },
      { timeout: 15_000, interval: 200 },
    );
    return await judge();
  }

  /** By the real clock: it waits until the mirror must have written its log. */
  function judge() {
    const env = { TIDEPOOL_MIRROR: mirror.url.origin };
    return story.verify(["--merge-request", "1"], env, SYSTEM_CLOCK);
  }

  const JOB = [
    ["docker", "pull", "tide:1"],
    ["sh", "-c", DOCKERFILE],
  ];

  test("the first run is told as first time, the second as served from cache, in one comment", async () => {
    const first = await verify(command, JOB);
    expect(first.stdout + first.stderr).toMatch(/tide:1\s+through the mirror for the first time/);
    expect(first.stdout).toMatch(/base:2\s+through the mirror for the first time/);
    expect(first.exitCode).toBe(0);

    const second = await verify(command, JOB);
    expect(second.stdout).toMatch(/tide:1\s+served from cache/);
    expect(second.stdout).toMatch(/base:2\s+served from cache/);
    expect(second.exitCode).toBe(0);
    expect(story.merge.notes).toHaveLength(1);
    expect(story.merge.notes[0]?.body).toContain("2 served from cache");
  }, 180_000);

  test("an image that bypassed the mirror is called so, with the others' proof beside it", async () => {
    // Docker Hub's stand-in in front of the mirror: for Tidepool as good as no mirror at all.
    const startedAt = new Date().toISOString();
    const through = await runJob(command, [["docker", "pull", "tide:1"]]);
    const around = [`--registry-mirror=${hub.url}`];
    const round = await runJob(around, [["docker", "pull", "round:3"]]);
    const times = { startedAt, finishedAt: new Date().toISOString() };
    story.addPipeline([{ name: "build", ...times, trace: through + round }]);
    const result = await judge();
    expect(result.stdout).toMatch(/round:3\s+bypassed the mirror/);
    expect(result.stdout).toMatch(/tide:1\s+served from cache/);
    expect(result.exitCode).toBe(1);
  }, 180_000);
});

/** Puts before each line what GitLab Runner puts there since 18.7: the time, the job's stream, standard output. */
function stamp(text: string): string {
  const at = new Date().toISOString().replace("Z", "000Z");
  return text.replaceAll(/^(?=.)/gm, `${at} 01O `);
}
