import { spawn } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BRANCH_NAME } from "../../../bot/render/branch-name.ts";
import { parseMarker } from "../../../bot/render/marker.ts";
import type { Fault } from "../../helpers/fake-gitlab/faults.ts";
import type { Project } from "../../helpers/fake-gitlab/model.ts";
import { startGitLab, type Setup } from "../../helpers/gitlab-setup.ts";
import { DIND_CI, MIRROR, MIRRORED_CI, runJson } from "../../helpers/onboard.ts";
import { MORE_DIND } from "../../helpers/project-bench.ts";

const CLI = new URL("../../../bot/cli.ts", import.meta.url).pathname;
const CI = ".gitlab-ci.yml";
const ROUNDS = 100;

let setup: Setup;

beforeEach(async () => {
  setup = await startGitLab();
});

afterEach(async () => {
  expect(setup.gitlab.complaints).toEqual([]);
  await setup.gitlab.stop();
});

/** Numbers that look like chance and are the same each time (mulberry32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

/** Two files that both change: half a commit would be one of them. */
const TWO_FILES = { [CI]: "include: /ci/more.yml\n" + DIND_CI, "ci/more.yml": MORE_DIND };

/** What a run finds: nothing yet, a branch to refresh, a merge request to close, a box that was ticked. */
type Scene = "new" | "refresh" | "close" | "rebuild";
const SCENES: readonly Scene[] = ["new", "new", "refresh", "close", "rebuild"];

async function addScene(round: number, scene: Scene): Promise<Project> {
  const { world } = setup.gitlab;
  const path = `acme/k${round}`;
  const project = world.addProject(path, { files: TWO_FILES });
  if (scene === "new") return project;
  await runJson(setup, ["--project", path]);
  const merge = project.mergeRequests[0];
  if (scene === "refresh")
    world.push(project, "main", {
      files: { [CI]: TWO_FILES[CI] + MORE_DIND.slice(DIND_CI.length) },
    });
  if (scene === "close")
    world.push(project, "main", { files: { [CI]: MIRRORED_CI, "ci/more.yml": null } });
  if (scene === "rebuild" && merge) {
    world.push(project, BRANCH_NAME, { files: { "theirs.txt": "x" } });
    merge.description = merge.description.replace("- [ ]", "- [x]");
  }
  return project;
}

/** True at every moment, however a run ended: one merge request, and no commit with half of the files. */
function expectNothingHalf(project: Project, scene: Scene): void {
  expect(project.mergeRequests.length).toBeLessThanOrEqual(1);
  const { repository } = project;
  const head = repository.resolve(BRANCH_NAME);
  if (head === null) return;
  const text = (path: string) => head.files.get(path)?.content.toString() ?? "";
  const flags = [CI, "ci/more.yml"].map((path) => text(path).includes("--registry-mirror"));
  expect(flags).toEqual([true, true]);
  if (scene !== "rebuild") {
    expect(head.message).toContain("\nTidepool: {");
    expect(repository.resolve(head.parents[0] ?? "")?.message).toBe("Work");
  }
}

/** True once a run has ended by itself. */
function expectDone(project: Project, scene: Scene): void {
  expectNothingHalf(project, scene);
  const [merge] = project.mergeRequests;
  const head = project.repository.branches.get(BRANCH_NAME);
  expect(merge?.state).toBe(scene === "close" ? "closed" : "opened");
  expect(merge?.notes).toHaveLength(scene === "close" ? 1 : 0);
  expect(parseMarker(merge?.description ?? "")?.head).toBe(head);
  if (scene === "close") return;
  const main = project.repository.branches.get("main") ?? "";
  expect(project.repository.range(main, head ?? "")).toHaveLength(1);
  expect(merge?.description).toContain("- [ ] <!-- tidepool rebuild -->");
}

describe("a run that is killed", () => {
  it(
    `at a random request, ${ROUNDS} times, and run again: never two merge requests, never half a commit`,
    { timeout: 120_000 },
    async () => {
      const random = createRandom(20261123);
      const killedAt = new Set<string>();
      const kills = { done: 0 };
      for (let round = 0; kills.done < ROUNDS; round += 1) {
        const scene = SCENES[random(SCENES.length)] ?? "new";
        const project = await addScene(round, scene);
        const stop = new AbortController();
        setup.gitlab.log.length = 0;
        // Half of the kills hit any request, half one of the few that are no plain reading.
        const [anyAt, writeAt] = random(2) === 0 ? [1 + random(20), 0] : [0, 1 + random(3)];
        const effect = random(2) === 0;
        let writes = 0;
        setup.gitlab.faults = [
          ({ count, method, path }): Fault | null => {
            if (method !== "GET") writes += 1;
            const isHit = count === anyAt || (method !== "GET" && writes === writeAt);
            if (!isHit || stop.signal.aborted) return null;
            killedAt.add(`${method} ${path.replace(/\d+/g, "N")}`);
            kills.done += 1;
            stop.abort(new Error("killed"));
            return { kind: "drop", effect };
          },
        ];
        const flags = ["--project", project.path];
        await runJson(setup, flags, { signal: stop.signal }).catch((error: unknown) => {
          expect(String(error)).toContain("killed");
        });
        setup.gitlab.faults = [];
        expectNothingHalf(project, scene);
        const { exitCode } = await runJson(setup, flags);
        expect(exitCode).toBe(0);
        expectDone(project, scene);
        setup.gitlab.log.length = 0;
        await runJson(setup, flags);
        expect(setup.gitlab.lines(setup.gitlab.writes())).toEqual([]);
      }
      // The kills reached every kind of writing call.
      expect([...killedAt].filter((call) => !call.startsWith("GET")).toSorted()).toEqual([
        "POST /projects/N/ci/lint",
        "POST /projects/N/merge_requests",
        "POST /projects/N/merge_requests/N/notes",
        "POST /projects/N/repository/commits",
        "PUT /projects/N/merge_requests/N",
      ]);
    },
  );

  it(
    "by SIGKILL as a process, before and after each writing call, is made good by the next",
    { timeout: 60_000 },
    async () => {
      const env = {
        ...process.env,
        GITLAB_URL: setup.gitlab.url,
        GITLAB_TOKEN: setup.token.secret,
      };
      const writes = ["POST /projects/N/repository/commits", "POST /projects/N/merge_requests"];
      for (const [round, kill] of writes
        .flatMap((call) => [[call, true] as const, [call, false] as const])
        .entries()) {
        const [call, effect] = kill;
        const project = await addScene(round, "new");
        const args = [CLI, "onboard", "--project", project.path, "--mirror", MIRROR];
        const child = spawn(process.execPath, args, { env, stdio: "ignore" });
        const ended = new Promise((resolve) => {
          child.on("close", (_, signal) => {
            resolve(signal);
          });
        });
        setup.gitlab.faults = [
          ({ method, path }): Fault | null => {
            if (`${method} ${path.replace(/\d+/g, "N")}` !== call) return null;
            child.kill("SIGKILL");
            return { kind: "hang", effect };
          },
        ];
        expect(await ended).toBe("SIGKILL");
        setup.gitlab.faults = [];
        expectNothingHalf(project, "new");
        await runJson(setup, ["--project", project.path]);
        expectDone(project, "new");
      }
    },
  );
});
