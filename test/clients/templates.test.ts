import { execFile, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { createProject } from "./pipeline.ts";

const run = promisify(execFile);
const TEMPLATES = fileURLToPath(new URL("../../templates/", import.meta.url));
const hasShellcheck = spawnSync("shellcheck", ["--version"]).status === 0;
if (!hasShellcheck) console.warn("skipped: shellcheck is not installed");

const MIRROR = { mirror: "https://mirror.example.com" };
const SOURCE = { source: "https://gitlab.example.com/g/tidepool/-/archive/v1/tidepool-v1.tar.gz" };

/** Every template with the inputs that it must be given, the variable that it needs, and its jobs. */
const CASES = [
  { path: "onboard.yml", inputs: { ...MIRROR, ...SOURCE, scope: "--group acme" } },
  { path: "report.yml", inputs: { ...MIRROR, ...SOURCE, scope: "--group acme" } },
  { path: "verify.yml", inputs: { ...MIRROR, ...SOURCE } },
  { path: "verify-finished.yml", inputs: { ...MIRROR, ...SOURCE, scope: "--group acme" } },
  { path: "deploy/template.yml", inputs: { ...MIRROR, ...SOURCE } },
  { path: "runner/template.yml", inputs: { ...SOURCE, hosts: "root@runner-1.example.com" } },
] as const;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidepool-templates-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("looks at every template there is", () => {
  const there = readdirSync(TEMPLATES).map((name) =>
    name.endsWith(".yml") ? name : `${name}/template.yml`,
  );
  expect(CASES.map(({ path }) => path).toSorted()).toEqual(there.toSorted());
});

interface Job {
  readonly before_script?: readonly string[];
  readonly script?: readonly string[];
  readonly after_script?: readonly string[];
}

describe.each(CASES)("templates/$path", ({ path, inputs }) => {
  const expand = async (): Promise<Readonly<Record<string, Job>>> => {
    const project = await createProject(join(folder, path.replaceAll("/", "-")), path, { inputs });
    const { code, stdout, output } = await project.gitlabCiLocal(["--preview"]);
    expect({ code, output }).toMatchObject({ code: 0 });
    const jobs = parse(stdout) as Record<string, Job>;
    return Object.fromEntries(Object.entries(jobs).filter(([, job]) => job.script !== undefined));
  };

  it("is expanded by gitlab-ci-local with its inputs put in, and passes GitLab's schema", async () => {
    const jobs = await expand();
    expect(Object.keys(jobs).length).toBeGreaterThan(0);
    expect(JSON.stringify(jobs)).not.toContain("$[[");
  });

  it.skipIf(!hasShellcheck)("has scripts that shellcheck passes", async () => {
    for (const [name, job] of Object.entries(await expand())) {
      const file = join(folder, `${name}.sh`);
      const lines = [
        ...(job.before_script ?? []),
        ...(job.script ?? []),
        ...(job.after_script ?? []),
      ];
      await writeFile(file, `#!/bin/sh\n${lines.join("\n")}\n`);
      // An input is a text by now, and comparing two texts looks odd to it.
      const options = ["--shell=sh", "--exclude=SC2050"];
      await expect(run("shellcheck", [...options, file])).resolves.toMatchObject({ stdout: "" });
    }
  });
});

it.skipIf(!hasShellcheck)("ships scripts that shellcheck passes", async () => {
  const scripts = readdirSync(TEMPLATES, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".sh"))
    .map((name) => join(TEMPLATES, name));
  expect(scripts.length).toBeGreaterThan(2);
  await expect(run("shellcheck", scripts)).resolves.toMatchObject({ stdout: "" });
});
