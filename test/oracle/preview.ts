/**
 * Lets gitlab-ci-local, which nobody here wrote, expand real CI files before and after an edit: the command of the
 * dind services may differ, and nothing else.
 *
 *     node test/oracle/preview.ts "$PWD/node_modules/.bin/gitlab-ci-local"
 *
 * Only where the collection of real files is at hand.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

import { parse } from "yaml";

import { parseMirror } from "../../bot/files/mirror.ts";
import { createPlan } from "../../bot/plan/plan.ts";
import { createMemoryFiles } from "../../bot/plan/repository.ts";
import { type Json, mirrored } from "../bot/files/mirrored.ts";

const program = process.argv[2];
const corpus = fileURLToPath(new URL("../../../shared/corpus/ci/", import.meta.url));
const mirror = parseMirror("https://mirror.example.dev")!;
const flag = `--registry-mirror=${mirror.url}`;

if (program === undefined || !existsSync(corpus)) {
  console.log(
    "skipped: give the path of gitlab-ci-local, and have ../shared/corpus beside the project",
  );
} else {
  await compareAll(program);
}

async function compareAll(gitlabCiLocal: string): Promise<void> {
  const counts = { files: 0, accepted: 0, edited: 0, wrong: 0 };
  const directory = mkdtempSync(join(tmpdir(), "preview-"));
  git(directory, ["init", "-q"]);
  git(directory, ["remote", "add", "origin", "git@gitlab.example:group/project.git"]);
  for (const name of readdirSync(corpus).toSorted()) {
    counts.files += 1;
    const source = readFileSync(corpus + name, "utf8");
    const before = preview(gitlabCiLocal, directory, source);
    if (before === null) continue;
    counts.accepted += 1;
    const plan = await createPlan(createMemoryFiles({ ".gitlab-ci.yml": source }), { mirror });
    const [file] = plan.files;
    if (file === undefined) continue;
    counts.edited += 1;
    const after = preview(gitlabCiLocal, directory, file.after);
    // What is left alone for a reason stays as it was on both sides.
    if (after === null || !isDeepStrictEqual(withoutKaniko(after), mirrored(before, flag))) {
      counts.wrong += 1;
      console.log(
        `${name}: ${after === null ? "no longer accepted" : "differs in more than the dind command"}`,
      );
    }
  }
  rmSync(directory, { recursive: true });
  console.log(JSON.stringify(counts));
  process.exitCode = counts.wrong > 0 || counts.edited === 0 ? 1 : 0;
}

function git(directory: string, args: readonly string[]): void {
  spawnSync("git", [...args], { cwd: directory });
}

/** The expanded configuration; `null` where the program does not accept the file. */
function preview(gitlabCiLocal: string, directory: string, source: string): Json {
  writeFileSync(join(directory, ".gitlab-ci.yml"), source);
  git(directory, ["add", "-A"]);
  git(directory, ["-c", "user.name=x", "-c", "user.email=x@x.example", "commit", "-q", "-m", "x"]);
  const { status, stdout } = spawnSync(process.execPath, [gitlabCiLocal, "--preview"], {
    cwd: directory,
    encoding: "utf8",
    timeout: 30_000,
  });
  if (status !== 0) return null;
  return parse(stdout, { logLevel: "silent", maxAliasCount: -1 }) as Json;
}

/** Kaniko's variable is the one other thing that an edit adds. */
function withoutKaniko(data: Json): Json {
  if (typeof data !== "object" || data === null) return data;
  if (Array.isArray(data)) return data.map((item) => withoutKaniko(item));
  const entries = Object.entries(data).filter(([key]) => key !== "KANIKO_REGISTRY_MIRROR");
  return Object.fromEntries(
    entries
      .map(([key, value]) => [key, withoutKaniko(value)] as const)
      .filter(([key, value]) => key !== "variables" || Object.keys(value ?? {}).length > 0),
  );
}
