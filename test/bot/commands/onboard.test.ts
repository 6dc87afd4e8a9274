import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startGitLab, type Setup } from "../../helpers/gitlab-setup.ts";
import {
  DIND_CI,
  MIRROR,
  MIRRORED_CI,
  PLAIN_CI,
  runJson,
  runOnboard,
} from "../../helpers/onboard.ts";

const BRANCH = "tidepool/registry-mirror";
const CLI = new URL("../../../bot/cli.ts", import.meta.url).pathname;

let setup: Setup;

beforeEach(async () => {
  setup = await startGitLab();
});

afterEach(async () => {
  expect(setup.gitlab.complaints).toEqual([]);
  await setup.gitlab.stop();
});

/** What `tidepool edit --write` makes of a file. */
async function edited(content: string): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), "tidepool-"));
  const path = join(directory, ".gitlab-ci.yml");
  await writeFile(path, content);
  const args = [CLI, "edit", directory, "--mirror", MIRROR, "--write"];
  await promisify(execFile)(process.execPath, args);
  const after = await readFile(path);
  await rm(directory, { recursive: true });
  return after;
}

describe("from nothing", () => {
  it("opens one merge request for three projects, with the bytes of tidepool edit, and then writes nothing", async () => {
    const { world } = setup.gitlab;
    const crlf = DIND_CI.replaceAll("\n", "\r\n").trimEnd();
    const dind = world.addProject("acme/dind", { files: { ".gitlab-ci.yml": crlf, "a.txt": "a" } });
    const plain = world.addProject("acme/plain", { files: { ".gitlab-ci.yml": PLAIN_CI } });
    const mirrored = world.addProject("acme/mirrored", {
      files: { ".gitlab-ci.yml": MIRRORED_CI },
    });
    const first = await runJson(setup, ["--group", "acme"]);
    expect(first.exitCode).toBe(0);
    expect(
      Object.fromEntries([...first.lines].map(([path, { status }]) => [path, status])),
    ).toEqual({
      "acme/dind": "opened",
      "acme/mirrored": "nothing",
      "acme/plain": "nothing",
    });
    expect(plain.mergeRequests.length + mirrored.mergeRequests.length).toBe(0);
    expect(dind.mergeRequests).toHaveLength(1);
    const head = dind.repository.resolve(BRANCH);
    expect(head?.files.get(".gitlab-ci.yml")?.content).toEqual(await edited(crlf));
    expect(head?.files.get("a.txt")?.content.toString()).toBe("a");
    expect(setup.gitlab.lines(setup.gitlab.writes())).toEqual([
      `POST /projects/${dind.id}/repository/commits`,
      `POST /projects/${dind.id}/merge_requests`,
    ]);
    setup.gitlab.log.length = 0;
    const second = await runJson(setup, ["--group", "acme"]);
    expect(setup.gitlab.log.filter(({ method }) => method !== "GET")).toEqual([]);
    expect(second.lines.get("acme/dind")).toMatchObject({ status: "unchanged" });
  });
});

describe("a dry run", () => {
  it("says what would be opened, refreshed and closed, and writes nothing", async () => {
    const { world } = setup.gitlab;
    const files = { ".gitlab-ci.yml": DIND_CI };
    world.addProject("acme/new", { files });
    const changed = world.addProject("acme/changed", { files });
    const landed = world.addProject("acme/landed", { files });
    const names = ["changed", "landed"].flatMap((name) => ["--project", `acme/${name}`]);
    await runJson(setup, names);
    const more = `${DIND_CI}\nmore:\n  services: [docker:dind]\n  script: [x]\n`;
    world.push(changed, "main", { files: { ".gitlab-ci.yml": more } });
    world.push(landed, "main", { files: { ".gitlab-ci.yml": MIRRORED_CI } });
    setup.gitlab.log.length = 0;
    const { lines } = await runJson(setup, ["--group", "acme", "--dry-run"]);
    expect(setup.gitlab.log.filter(({ method }) => method !== "GET")).toEqual([]);
    expect(Object.fromEntries([...lines].map(([path, { status }]) => [path, status]))).toEqual({
      "acme/new": "would-open",
      "acme/changed": "would-refresh",
      "acme/landed": "would-close",
    });
    expect(lines.get("acme/new")?.files[0]?.diff).toContain("diff --git a/.gitlab-ci.yml");
  });
});

describe("output", () => {
  it("counts on a terminal, in one line that goes away", async () => {
    setup.gitlab.world.addProject("acme/plain", { files: { ".gitlab-ci.yml": PLAIN_CI } });
    const { stderr } = await runOnboard(setup, ["--group", "acme"], { terminal: true });
    expect(stderr).toBe("\r\u001B[K1 projects looked at, 0 to do\r\u001B[K");
  });

  it("prints a line per project and a table", async () => {
    const { world } = setup.gitlab;
    world.addProject("acme/dind", { files: { ".gitlab-ci.yml": DIND_CI } });
    world.addProject("acme/plain", { files: { ".gitlab-ci.yml": PLAIN_CI } });
    const { stdout, stderr } = await runOnboard(setup, ["--group", "acme"]);
    expect(stderr).toBe("");
    expect(stdout).toBe(`nothing to do  acme/plain  pulls nothing that could be redirected
opened         acme/dind  ${setup.gitlab.url}/acme/dind/-/merge_requests/1 · 2 lines in 1 file · asked for the first time

opened              1
nothing to do       1
---------------------
projects            2
`);
  });
});
