#!/usr/bin/env node
/**
 * The bot's command line: finds the command, reads its flags, and turns its outcome into an exit code.
 *
 * Commands are loaded only when called, so that `--help` answers at once.
 *
 * @module
 */
import { parseArgs } from "node:util";

import type { Command, CommandContext, ExitCode, Output } from "./commands/command.ts";
import type { Environment } from "./config.ts";
import { BotError, UsageError } from "./errors.ts";

interface CommandEntry {
  readonly summary: string;
  load(): Promise<Command>;
}

/** Adding a command: one file under `commands/`, one line here. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  edit: {
    summary: "point a checkout's pipelines, daemons and runners at a mirror",
    load: async () => (await import("./commands/edit.ts")).edit,
  },
  lint: {
    summary: "name the mirror mistakes that nobody sees",
    load: async () => (await import("./commands/lint.ts")).lint,
  },
  onboard: {
    summary: "open one small merge request per project, and keep it true",
    load: async () => (await import("./commands/onboard.ts")).onboard,
  },
  verify: {
    summary: "say for each image of a pipeline whether it came from the mirror",
    load: async () => (await import("./commands/verify.ts")).verify,
  },
  report: {
    summary: "write what the mirror did into one issue, and keep it up to date",
    load: async () => (await import("./commands/report.ts")).report,
  },
  doctor: {
    summary: "examine a mirror from outside, and say what to do",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
};

const HELP_HEAD = `tidepool moves a team's GitLab pipelines onto a Docker Hub mirror, and proves that it works

Usage: tidepool <command> [options]

Commands:
`;

const HELP_TAIL = `
tidepool <command> --help tells more, with an example.
Options: --help, --version, --debug (stack traces)
Exit codes: 0 fine, 1 ran and found something, 2 wrong use or configuration
`;

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(
    ([name, entry]) => `  ${name.padEnd(width)}  ${entry.summary}\n`,
  );
  return `${HELP_HEAD}${lines.join("")}${HELP_TAIL}`;
}

async function version(): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  // The same relative path holds in the repository (bot/) and in the published package (dist/).
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return `${(JSON.parse(text) as { version: string }).version}\n`;
}

function findCommand(name: string): CommandEntry {
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry !== undefined) return entry;
  throw new UsageError(`no command "${name}"; tidepool --help lists them`);
}

function readArguments(command: Command, args: readonly string[]): ReturnType<typeof parseArgs> {
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...command.options,
        help: { type: "boolean", short: "h" },
        debug: { type: "boolean" },
      },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    // parseArgs throws TypeErrors whose messages name the flag.
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const [name, ...rest] = args.filter((arg) => arg !== "--debug");
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    context.stdout.write(overview());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    context.stdout.write(await version());
    return 0;
  }
  const command = await findCommand(name).load();
  const parsed = readArguments(command, rest);
  if (parsed.values["help"] === true) {
    context.stdout.write(command.help);
    return 0;
  }
  if (parsed.positionals.length > command.maxPositionals) {
    const [extra] = parsed.positionals.slice(command.maxPositionals);
    throw new UsageError(`"${extra}" is one word too many; tidepool ${name} --help`);
  }
  return command.run(parsed, context);
}

function output(stream: NodeJS.WriteStream): Output {
  return {
    colour: stream.isTTY && process.env["NO_COLOR"] === undefined,
    write: (text) => void stream.write(text),
  };
}

/** npm runs a script in the package's own folder, and names the one that the user stands in. */
function baseFolder(env: Environment): string {
  const started = env["npm_lifecycle_event"] === "tidepool" ? env["INIT_CWD"] : undefined;
  return started === undefined || started === "" ? process.cwd() : started;
}

// `tidepool edit | head` closes the pipe early; that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

const args = process.argv.slice(2);
try {
  const context = {
    env: process.env,
    cwd: baseFolder(process.env),
    stdout: output(process.stdout),
    stderr: output(process.stderr),
  };
  process.exitCode = await run(args, context);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const isOurs = error instanceof BotError;
  process.stderr.write(`tidepool: ${message}\n`);
  if (args.includes("--debug") || !isOurs) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? "") : ""}\n`);
  }
  process.exitCode = isOurs ? error.exitCode : 1;
}
