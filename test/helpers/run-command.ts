import { parseArgs } from "node:util";
import type { Command } from "../../bot/commands/command.ts";

/** What a run printed, and how it ended; a thrown error is what `bot/cli.ts` would report. */
export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process, as its command line would. */
export async function runCommand(
  command: Command,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<RunResult> {
  const args = parseArgs({ args: [...argv], options: command.options, allowPositionals: true });
  const written = { stdout: "", stderr: "" };
  const output = (name: "stdout" | "stderr") => ({
    colour: false,
    write: (text: string) => {
      written[name] += text;
    },
  });
  const [stdout, stderr] = [output("stdout"), output("stderr")];
  const exitCode = await command.run(args, { env, cwd: "/", stdout, stderr });
  return { exitCode, ...written };
}
