import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll } from "vitest";

/** How a run of the command line went. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const CLI = fileURLToPath(new URL("../../../bot/cli.ts", import.meta.url));

/** Runs the bot as a user does, with nothing of our environment but the path. */
export function tidepool(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cli = CLI,
): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], ...env },
  });
  return { code: status, stdout, stderr };
}

const created: string[] = [];

afterAll(() => {
  for (const root of created.splice(0)) rmSync(root, { recursive: true, force: true });
});

/** Writes files into a new directory, which is gone after the tests of the file. */
export function createDirectory(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = mkdtempSync(join(tmpdir(), "tidepool-"));
  created.push(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

/** Runs git in a directory, as nobody in particular. */
export function git(root: string, args: readonly string[], input?: string): Outcome {
  const { status, stdout, stderr } = spawnSync(
    "git",
    ["-c", "user.name=x", "-c", "user.email=x@x.example", "-c", "core.autocrlf=false", ...args],
    { cwd: root, encoding: "utf8", ...(input === undefined ? {} : { input }) },
  );
  return { code: status, stdout, stderr };
}
