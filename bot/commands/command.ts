import type { ParseArgsOptionsConfig } from "node:util";

import type { Environment } from "../config.ts";

/** What a command may touch of the process it runs in. */
export interface CommandContext {
  readonly env: Environment;
  /** The directory the user stands in, which is not the process's own where npm started it: paths are taken from here. */
  readonly cwd: string;
  readonly stdout: Output;
  readonly stderr: Output;
}

/** Where text goes. */
export interface Output {
  /** Whether colours are welcome: a terminal, and `NO_COLOR` is not set. */
  readonly colour: boolean;
  write(text: string): void;
}

/** Flags and words of a command line, read by the command's own `options`. */
export interface CommandArguments {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

/** 0 fine; 1 ran and found something; 2 wrong use or configuration. */
export type ExitCode = 0 | 1 | 2;

/** One command: a file in this folder, and a line in the table of `bot/cli.ts`. */
export interface Command {
  /** What `tidepool <command> --help` prints: usage, flags, exit codes, one example. */
  readonly help: string;
  readonly options: ParseArgsOptionsConfig;
  /** How many words beside flags it takes. */
  readonly maxPositionals: number;
  /**
   * Does the work and says how it went; only a command prints.
   *
   * @throws {@link BotError} with the exit code it carries; `bot/cli.ts` reports it
   */
  run(args: CommandArguments, context: CommandContext): Promise<ExitCode>;
}

/** A flag's text, where it was given. */
export function textFlag(args: CommandArguments, name: string): string | undefined {
  const value = args.values[name];
  return typeof value === "string" ? value : undefined;
}

/** Whether a flag without a value was given. */
export function isFlagSet(args: CommandArguments, name: string): boolean {
  return args.values[name] === true;
}

/** The texts of a flag that may be repeated, each of them split at commas. */
export function listFlag(args: CommandArguments, name: string): readonly string[] {
  const value = args.values[name];
  const given = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return given.flatMap((item) => String(item).split(",")).filter((item) => item !== "");
}

/** Keeps what a file holds from moving a terminal's cursor, or passing for a line of ours. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, " ");
}
