import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";

import { requireMirror } from "../config.ts";
import { BotError, UsageError } from "../errors.ts";
import type { ConflictPolicy, Layer } from "../files/types.ts";
import { createCheckout, rewrite } from "../plan/checkout.ts";
import {
  type LeftAlone,
  type Plan,
  type PlanOptions,
  createPlan,
  needsPerson,
} from "../plan/plan.ts";
import {
  type Command,
  type CommandArguments,
  type CommandContext,
  type ExitCode,
  isFlagSet,
  listFlag,
  oneLine,
  textFlag,
} from "./command.ts";
import { chooseColours, formatDiff } from "./diff.ts";
import { addressNotes } from "./mirror-address.ts";

const LAYERS: readonly Layer[] = ["ci", "daemon", "runner"];
const POLICIES: readonly ConflictPolicy[] = ["leave", "prepend", "replace"];

const HELP = `tidepool edit: point a checkout's pipelines, daemons and runners at a mirror

Usage: tidepool edit [dir] --mirror URL [options]

Prints a unified diff of the few lines that have to change, then one line for each place left alone, with the
reason. Changes nothing without --write, and asks no network.

Options:
  --mirror URL           the mirror, such as https://mirror.example.com (or TIDEPOOL_MIRROR)
  --write                apply the edits, each file whole or not at all
  --json                 print the plan as JSON instead of the diff
  --only LAYERS          of ci, daemon, runner; separated by commas (default: all)
  --conflict POLICY      where another mirror is set: leave, prepend or replace
                         (default: leave in a service's command; ours first in lists that clients try in order,
                         as in daemon.json; docker-machine's one option is replaced)
  --ci-config PATH       the project's CI configuration file (default: .gitlab-ci.yml)
  --merged-yaml FILE     GitLab's expanded configuration, to override dind services that come from elsewhere
  --tidy                 also remove settings that have no effect

Exit codes: 0 nothing waits for a person, 1 something was left that does, 2 wrong use

Example:
  tidepool edit . --mirror https://mirror.example.com > mirror.patch; git apply mirror.patch
`;

/** `tidepool edit`. */
export const edit: Command = {
  help: HELP,
  maxPositionals: 1,
  options: {
    mirror: { type: "string" },
    write: { type: "boolean" },
    json: { type: "boolean" },
    only: { type: "string", multiple: true },
    conflict: { type: "string" },
    "ci-config": { type: "string" },
    "merged-yaml": { type: "string" },
    tidy: { type: "boolean" },
  },
  run,
};

async function run(args: CommandArguments, context: CommandContext): Promise<ExitCode> {
  const options = await readOptions(args, context);
  const root = await readDirectory(args, context);
  const plan = await createPlan(createCheckout(root), options);
  context.stdout.write(
    isFlagSet(args, "json") ? formatJson(plan) : formatText(plan, context.stdout.colour),
  );
  for (const note of addressNotes(plan, options.mirror)) context.stderr.write(`note: ${note}\n`);
  const failures = isFlagSet(args, "write") ? await write(root, plan, context) : 0;
  return failures > 0 || needsPerson(plan) ? 1 : 0;
}

async function readOptions(
  args: CommandArguments,
  { env, cwd }: CommandContext,
): Promise<PlanOptions> {
  const mergedPath = textFlag(args, "merged-yaml");
  return {
    mirror: requireMirror(textFlag(args, "mirror"), env),
    conflict: oneOf(POLICIES, textFlag(args, "conflict"), "--conflict"),
    only: readLayers(args),
    ciConfigPath: textFlag(args, "ci-config"),
    mergedYaml: mergedPath === undefined ? undefined : await readGiven(resolve(cwd, mergedPath)),
    tidy: isFlagSet(args, "tidy"),
  };
}

/** Reads `--only`, repeated or separated by commas. */
export function readLayers(args: CommandArguments): readonly Layer[] | undefined {
  const layers = listFlag(args, "only").map((name) => oneOf(LAYERS, name, "--only") ?? "ci");
  return args.values["only"] === undefined ? undefined : layers;
}

function oneOf<T extends string>(
  known: readonly T[],
  text: string | undefined,
  flag: string,
): T | undefined {
  const found = known.find((item) => item === text);
  if (text !== undefined && found === undefined) {
    throw new UsageError(`${flag} takes ${known.join(", ")}, not "${text}"`);
  }
  return found;
}

async function readGiven(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UsageError(`${path} cannot be read`, { cause: error });
  }
}

/** The directory a command works in: its first word, else where the user stands. */
export async function readDirectory(
  args: CommandArguments,
  { cwd }: CommandContext,
): Promise<string> {
  const root = resolve(cwd, args.positionals[0] ?? ".");
  const isDirectory = await stat(root).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isDirectory) throw new UsageError(`${root} is no directory`);
  return root;
}

function formatJson({ files, left, examined }: Plan): string {
  const brief = files.map(({ path, kind, edits }) => ({
    path,
    kind,
    edits: edits.map(({ line, why, note, purpose, splices }) => ({
      line,
      why,
      note,
      purpose,
      splices,
    })),
  }));
  return `${JSON.stringify({ files: brief, left, examined }, null, 2)}\n`;
}

function formatText(plan: Plan, colour: boolean): string {
  const colours = chooseColours(colour);
  const diffs = plan.files.map((file) => formatDiff(file, colours));
  const notes = plan.files.flatMap(({ path, edits }) =>
    edits.flatMap(({ line, note }) =>
      note === undefined ? [] : [`${oneLine(`note ${path}:${line}: ${note}`)}\n`],
    ),
  );
  return [...diffs, ...new Set(notes), ...plan.left.map(formatLeft)].join("");
}

function formatLeft({ verdict, path, line, reason }: LeftAlone): string {
  const word = verdict === "suggest" ? "by hand" : "left";
  return `${oneLine(`${word} ${path}:${line}: ${reason}`)}\n`;
}

/** Writes what can be written; one file's failure is told and does not keep the others from it. */
async function write(root: string, plan: Plan, { stderr }: CommandContext): Promise<number> {
  let failures = 0;
  for (const file of plan.files) {
    try {
      await rewrite(root, file);
    } catch (error) {
      if (!(error instanceof BotError)) throw error;
      failures += 1;
      stderr.write(`tidepool: ${error.message}\n`);
    }
  }
  return failures;
}
