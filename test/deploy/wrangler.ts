import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FakeCloudflare } from "../helpers/fake-cloudflare/cloudflare.ts";

/** Where the repository is. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** How a program ended, and all it printed. */
export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** Runs a program in the repository against the stand-in, with nothing of this user's settings. */
export async function runWith(
  cloudflare: FakeCloudflare,
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const home = await mkdtemp(join(tmpdir(), "tidepool-home-"));
  const path = `${join(ROOT, "node_modules/.bin")}${delimiter}${process.env["PATH"] ?? ""}`;
  const [program, ...args] = command;
  try {
    return await new Promise((resolve) => {
      const options = {
        cwd: ROOT,
        env: { PATH: path, HOME: home, XDG_CONFIG_HOME: home, ...cloudflare.env, ...env },
      };
      execFile(program, args, options, (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? 1);
        resolve({ code, output: `${stdout}${stderr}` });
      });
    });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
