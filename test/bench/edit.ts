/**
 * Plans the edits of a repository with 5,000 files, 200 of them included CI files, and holds it to its bounds:
 * `node test/bench/edit.ts`. Wants less than 2 s and 200 MB of the whole process, its start included.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FILES = 5000;
const CI_FILES = 200;
const MAX_MS = 2000;
const MAX_MIB = 200;

const root = mkdtempSync(join(tmpdir(), "bench-edit-"));
fill(root);
const cli = fileURLToPath(new URL("../../bot/cli.ts", import.meta.url));
// The peak of the process itself, told by the process as it goes.
const report = `process.on("exit", () => process.stderr.write("peak " + process.resourceUsage().maxRSS));`;
const start = performance.now();
const { stdout, stderr, status } = spawnSync(
  process.execPath,
  [
    "--import",
    `data:text/javascript,${encodeURIComponent(report)}`,
    cli,
    "edit",
    root,
    "--mirror",
    "https://mirror.example.dev",
    "--json",
  ],
  { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
);
const ms = Math.round(performance.now() - start);
const mib = Math.round(Number(/peak (\d+)/.exec(stderr)?.[1]) / 1024);
const plan = JSON.parse(stdout) as { files: { edits: unknown[] }[]; examined: number };
const edits = plan.files.reduce((sum, { edits }) => sum + edits.length, 0);
rmSync(root, { recursive: true });

const isGood = status === 0 && ms < MAX_MS && mib < MAX_MIB && plan.files.length === CI_FILES + 1;
console.log(
  JSON.stringify({
    files: FILES,
    ciFiles: CI_FILES,
    edited: plan.files.length,
    edits,
    ms,
    maxMs: MAX_MS,
    mib,
    maxMib: MAX_MIB,
  }),
);
process.exitCode = isGood ? 0 : 1;

function fill(directory: string): void {
  mkdirSync(join(directory, "ci"));
  writeFileSync(
    join(directory, ".gitlab-ci.yml"),
    "include:\n  - local: /ci/*.yml\nservices:\n  - docker:24-dind\n",
  );
  for (let number = 0; number < CI_FILES; number += 1) {
    writeFileSync(join(directory, "ci", `part-${number}.yml`), ciFile(number));
  }
  for (let number = 0; number < FILES - CI_FILES - 1; number += 1) {
    const folder = join(directory, "src", `module-${number % 100}`);
    if (number < 100) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file-${number}.ts`), `export const value = ${number};\n`);
  }
}

function ciFile(number: number): string {
  const jobs = Array.from(
    { length: 10 },
    (_, job) => `job ${number} ${job}:
  stage: build # the usual
  image: docker:24-cli
  variables:
    DOCKER_TLS_CERTDIR: "/certs"
  services:
    - docker:24-dind   # daemon
    - name: redis:7
      alias: cache
  script:
    - docker build --pull --tag "$CI_REGISTRY_IMAGE:$CI_COMMIT_SHA" .
    - docker push "$CI_REGISTRY_IMAGE:$CI_COMMIT_SHA"
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
`,
  );
  return jobs.join("\n");
}
