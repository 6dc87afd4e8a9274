import { spawn } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BARE_429, every } from "../../helpers/fake-gitlab/faults.ts";
import type { Project } from "../../helpers/fake-gitlab/model.ts";
import { startGitLab, type Setup } from "../../helpers/gitlab-setup.ts";
import { DIND_CI, MIRROR, MIRRORED_CI, PLAIN_CI, runJson } from "../../helpers/onboard.ts";
import { VirtualClock } from "../../helpers/virtual-clock.ts";

const CLI = new URL("../../../bot/cli.ts", import.meta.url).pathname;
const CI = ".gitlab-ci.yml";
const SIZE = 1000;

/** Kinds of projects that need nothing, as a fleet has them. */
const QUIET: readonly Record<string, string>[] = [
  { [CI]: PLAIN_CI },
  { [CI]: MIRRORED_CI },
  { "README.md": "no pipeline" },
  { [CI]: "include: ci/jobs.yml\n", "ci/jobs.yml": PLAIN_CI },
  { [CI]: MIRRORED_CI, ".tidepool.yml": "labels: [ci]\n" },
  Object.fromEntries([[CI, PLAIN_CI], ...numbered(400)]),
  Object.fromEntries([[CI, MIRRORED_CI], ...numbered(400)]),
];

function numbered(n: number): [string, string][] {
  return Array.from({ length: n }, (_, index) => [`src/file-${index}.txt`, "x"]);
}

let setup: Setup;

beforeEach(async () => {
  setup = await startGitLab();
});

afterEach(async () => {
  expect(setup.gitlab.complaints).toEqual([]);
  await setup.gitlab.stop();
});

/** A group of 1,000, of which every hundredth has something to do. */
function addFleet(): { busy: Project[]; quiet: Project[] } {
  const busy: Project[] = [];
  const quiet: Project[] = [];
  for (let i = 0; i < SIZE; i += 1) {
    const path = `acme/g${i % 20}/p${i}`;
    if (i % 100 === 0) {
      busy.push(setup.gitlab.world.addProject(path, { files: { [CI]: DIND_CI } }));
    } else {
      const files = QUIET[i % QUIET.length] ?? {};
      quiet.push(setup.gitlab.world.addProject(path, { files }));
    }
  }
  return { busy, quiet };
}

function callsPerProject(): Map<number, number> {
  const calls = new Map<number, number>();
  for (const { path } of setup.gitlab.log) {
    const id = Number(/^\/projects\/(\d+)\//.exec(path)?.[1] ?? 0);
    calls.set(id, (calls.get(id) ?? 0) + 1);
  }
  return calls;
}

describe("a group of a thousand projects", () => {
  it("costs at most four reading calls for a project with nothing to do, and loses and doubles none", async () => {
    const { busy, quiet } = addFleet();
    const { lines } = await runJson(setup, ["--group", "acme"]);
    expect(lines.size).toBe(SIZE);
    const calls = callsPerProject();
    const most = Math.max(...quiet.map(({ id }) => calls.get(id) ?? 0));
    const sum = quiet.reduce((total, { id }) => total + (calls.get(id) ?? 0), 0);
    console.log(`${most} calls at most, ${(sum / quiet.length).toFixed(2)} on average`);
    expect(most).toBeLessThanOrEqual(4);
    expect(busy.map(({ mergeRequests }) => mergeRequests.length)).toEqual(busy.map(() => 1));
    // Besides: who am I, which token, and twice the group's list in tens of pages.
    expect(calls.get(0)).toBe(22);
  });

  it("survives a bare 429 at every fiftieth call without a duplicate or a lost project", async () => {
    const { busy } = addFleet();
    const clock = new VirtualClock();
    setup.gitlab.faults = [every(50, BARE_429)];
    const { exitCode, lines } = await runJson(setup, ["--group", "acme"], { clock });
    expect(exitCode).toBe(0);
    expect(lines.size).toBe(SIZE);
    expect(busy.map(({ mergeRequests }) => mergeRequests.length)).toEqual(busy.map(() => 1));
    const refused = setup.gitlab.log.filter(({ status }) => status === 429).length;
    expect(refused).toBeGreaterThan(50);
    expect(clock.sleeps.length).toBeGreaterThanOrEqual(1);
    const again = await runJson(setup, ["--group", "acme"], { clock });
    expect([...again.lines.values()].filter(({ status }) => status === "unchanged")).toHaveLength(
      10,
    );
    expect(busy.map(({ mergeRequests }) => mergeRequests.length)).toEqual(busy.map(() => 1));
  });

  it(
    "is gone through in bounded memory: 64 MiB of heap for 100 MB of CI files",
    { timeout: 120_000 },
    async () => {
      const filler = `# ${"x".repeat(100_000)}\n`;
      for (let i = 0; i < SIZE; i += 1) {
        const files = { [CI]: `${i % 2 === 0 ? DIND_CI : PLAIN_CI}${filler}` };
        setup.gitlab.world.addProject(`acme/p${i}`, { files });
      }
      const args = [
        "--max-old-space-size=64",
        CLI,
        "onboard",
        "--group",
        "acme",
        "--limit",
        "3",
        "--json",
      ];
      const env = {
        ...process.env,
        GITLAB_URL: setup.gitlab.url,
        GITLAB_TOKEN: setup.token.secret,
      };
      const child = spawn(process.execPath, [...args, "--mirror", MIRROR], { env });
      const out: Buffer[] = [];
      child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
      child.stderr.on("data", (chunk: Buffer) => process.stderr.write(chunk));
      const exitCode = await new Promise((resolve) => {
        child.on("close", resolve);
      });
      expect(exitCode).toBe(0);
      const lines = Buffer.concat(out).toString().trimEnd().split("\n");
      expect(lines).toHaveLength(SIZE);
      expect(lines.filter((line) => line.includes('"status":"opened"'))).toHaveLength(3);
    },
  );
});
