import { requireGitLab, requireMirror } from "../config.ts";
import { UsageError } from "../errors.ts";
import type { ConflictPolicy, Layer } from "../files/types.ts";
import { createApi } from "../gitlab/api.ts";
import type { Clock } from "../gitlab/clock.ts";
import { checkToken } from "../gitlab/token.ts";
import type { OnboardOptions } from "../onboard/options.ts";
import { namesOwner } from "../onboard/path-pattern.ts";
import { isProblem, type ProjectResult, type Status } from "../onboard/result.ts";
import { onboard as onboardProjects } from "../onboard/run.ts";
import { formatResult, formatResultJson, formatSummary } from "../render/onboard-report.ts";
import {
  type Command,
  type CommandArguments,
  type CommandContext,
  type ExitCode,
  isFlagSet,
  listFlag,
  textFlag,
} from "./command.ts";
import { chooseColours, formatDiff } from "./diff.ts";
import { requirePublicAddress } from "./mirror-address.ts";

const HELP = `tidepool onboard: one small merge request per project that points its pipelines at a mirror

Usage: tidepool onboard (--project G/P | --group G | --filter PATTERN) --mirror URL [options]

Plans the edits of \`tidepool edit\` on each project's default branch through GitLab's API, without a clone, and keeps
one merge request true: opened once, refreshed when the edits change or no longer apply, closed when nothing is left
to edit. A closed one is an answer. A branch that others pushed to is left alone.

Which projects:
  --project G/P          a project; may be repeated
  --group G              all projects of a group and its subgroups; may be repeated
  --filter PATTERN       only paths that match, such as 'acme/*/api-**'; alone it looks through all projects of the
                         token's user, and must then begin with a group's or user's name
  --topic TOPIC          only projects with this topic
  --runner-config G/P    a project with daemon.json, config.toml or Helm values of runners; may be repeated

What to do:
  --mirror URL           the mirror, such as https://mirror.example.com (or TIDEPOOL_MIRROR)
  --secret-in-repository write a URL that holds a secret, which all readers of the repositories have then
  --dry-run              print the diffs and write nothing; a token with read_api suffices
  --reopen               ask again where a merge request was closed and the edits have changed since
  --only LAYERS          of ci, daemon, runner; separated by commas (default: ci)
  --conflict POLICY      where another mirror is set: leave, prepend or replace (default: as tidepool edit)
  --limit N              merge requests opened in this run, at most (default: 10)
  --group-limit N        merge requests of the bot open at once in one group, at most (default: 10)

What the merge request looks like; a project's own .tidepool.yml goes before:
  --commit-prefix TEXT   before title and commit subject, such as 'chore(ci):'
  --label, --reviewer, --assignee NAME   may be repeated
  --draft                open as a draft

Output:
  --json                 one JSON object per project and line

Environment: GITLAB_URL, GITLAB_TOKEN (scope api; in projects the role Developer), TIDEPOOL_MIRROR
Exit codes: 0 fine, 1 a project failed, clashes with another or is refused by CI lint, 2 wrong use or configuration

Example:
  tidepool onboard --group acme --mirror https://mirror.example.com --dry-run
`;

const LAYERS: readonly Layer[] = ["ci", "daemon", "runner"];
const POLICIES: readonly ConflictPolicy[] = ["leave", "prepend", "replace"];
/** 10 a run, as many as Renovate has open at once: a team can look at them before the next come. */
const DEFAULT_LIMIT = 10;

const list = { type: "string", multiple: true } as const;
const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

/** What tests put in the place of the machine's own. */
export interface OnboardPorts {
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** Makes `tidepool onboard`. */
export function createOnboard(ports: OnboardPorts = {}): Command {
  return {
    help: HELP,
    maxPositionals: 0,
    options: {
      project: list,
      group: list,
      filter: list,
      topic: list,
      "runner-config": list,
      mirror: text,
      "secret-in-repository": flag,
      "dry-run": flag,
      reopen: flag,
      only: list,
      conflict: text,
      limit: text,
      "group-limit": text,
      "commit-prefix": text,
      label: list,
      reviewer: list,
      assignee: list,
      draft: flag,
      json: flag,
    },
    run: (args, context) => run(args, context, ports),
  };
}

/** `tidepool onboard`. */
export const onboard: Command = createOnboard();

async function run(
  args: CommandArguments,
  context: CommandContext,
  ports: OnboardPorts,
): Promise<ExitCode> {
  const options = readOptions(args, context);
  const api = createApi(requireGitLab(context.env), ports);
  const identity = await checkToken(api, options.dryRun ? "read" : "write");
  const progress = createProgress(context);
  const warn = (sentence: string) => {
    progress.clear();
    context.stderr.write(`warning: ${sentence}\n`);
  };
  for (const warning of identity.warnings) warn(warning);
  const counts = new Map<Status, number>();
  const format = isFlagSet(args, "json") ? showJson : showText;
  const session = {
    api,
    options,
    warn,
    user: identity.user,
    users: new Map(),
    ...(ports.signal ? { signal: ports.signal } : {}),
  };
  await onboardProjects(session, {
    result: (result) => {
      counts.set(result.status, (counts.get(result.status) ?? 0) + 1);
      progress.clear();
      context.stdout.write(format(result, context.stdout.colour));
    },
    progress: (examined, toDo) => {
      progress.show(examined, toDo);
    },
  });
  progress.clear();
  if (!isFlagSet(args, "json")) context.stdout.write(formatSummary(counts));
  return [...counts.keys()].some(isProblem) ? 1 : 0;
}

function readOptions(args: CommandArguments, { env }: CommandContext): OnboardOptions {
  const options: OnboardOptions = {
    mirror: requireMirror(textFlag(args, "mirror"), env),
    projects: paths(args, "project"),
    groups: paths(args, "group"),
    runnerConfigs: paths(args, "runner-config"),
    filters: listFlag(args, "filter"),
    topics: listFlag(args, "topic"),
    dryRun: isFlagSet(args, "dry-run"),
    reopen: isFlagSet(args, "reopen"),
    layers: readLayers(args),
    conflict: oneOf(POLICIES, textFlag(args, "conflict"), "--conflict") ?? null,
    limit: readCount(args, "limit"),
    groupLimit: readCount(args, "group-limit"),
    wishes: {
      commitPrefix: readPrefix(args),
      draft: isFlagSet(args, "draft"),
      labels: listFlag(args, "label"),
      reviewers: listFlag(args, "reviewer"),
      assignees: listFlag(args, "assignee"),
    },
  };
  requireSelection(options);
  requirePublicAddress(options.mirror, isFlagSet(args, "secret-in-repository"));
  return options;
}

/** Anybody can invite a bot to a project: without a name or a pattern that holds one, there is no run. */
function requireSelection({ projects, groups, runnerConfigs, filters }: OnboardOptions): void {
  if (projects.length + groups.length + runnerConfigs.length > 0) return;
  if (filters.length === 0) {
    throw new UsageError("say which projects: --project, --group, --runner-config or --filter");
  }
  const loose = filters.find((pattern) => !namesOwner(pattern));
  if (loose !== undefined) {
    throw new UsageError(
      `--filter "${loose}" alone takes in projects of strangers; begin it with a group's or user's name, such as acme/**`,
    );
  }
}

/** Full paths, without the slashes and the `.git` of an address. */
function paths(args: CommandArguments, name: string): string[] {
  return listFlag(args, name).map((path) => path.replace(/^\/+|\/+$/g, "").replace(/\.git$/, ""));
}

function readLayers(args: CommandArguments): readonly Layer[] {
  const names = listFlag(args, "only");
  if (names.length === 0) return ["ci"];
  return names.map((name) => oneOf(LAYERS, name, "--only") ?? "ci");
}

function oneOf<Name extends string>(
  known: readonly Name[],
  given: string | undefined,
  flagName: string,
): Name | undefined {
  const found = known.find((name) => name === given);
  if (given !== undefined && found === undefined) {
    throw new UsageError(`${flagName} takes ${known.join(", ")}, not "${given}"`);
  }
  return found;
}

function readCount(args: CommandArguments, name: string): number {
  const given = textFlag(args, name);
  if (given === undefined) return DEFAULT_LIMIT;
  if (!/^\d{1,6}$/.test(given)) throw new UsageError(`--${name} takes a number, not "${given}"`);
  return Number(given);
}

function readPrefix(args: CommandArguments): string {
  const prefix = textFlag(args, "commit-prefix") ?? "";
  if (/[\r\n]/.test(prefix)) throw new UsageError("--commit-prefix takes one line");
  return prefix.trim();
}

function showText(result: ProjectResult, colour: boolean): string {
  const colours = chooseColours(colour);
  const diffs = result.files.flatMap(({ path, content }) => {
    if (content === null) return [];
    const [before, after] = [harmless(content.before), harmless(content.after)];
    return [formatDiff({ path, before, after }, colours)];
  });
  return [formatResult(result), ...diffs].join("");
}

/** Control characters of a repository's files must not drive a terminal, nor fold the log of a GitLab job. */
function harmless(content: string): string {
  return content.replaceAll(/\r(?!\n)|(?![\n\r\t])\p{Cc}/gu, "\uFFFD");
}

function showJson(result: ProjectResult): string {
  const plain = chooseColours(false);
  const diffs = result.files.flatMap(({ path, content }) =>
    content === null ? [] : [formatDiff({ path, ...content }, plain)],
  );
  return formatResultJson(result, diffs);
}

/** A line that counts on a terminal, rewritten in place; nothing where standard error is no terminal. */
function createProgress({ stderr }: CommandContext): {
  show(examined: number, toDo: number): void;
  clear(): void;
} {
  let shown = false;
  return {
    show(examined, toDo) {
      if (!stderr.colour) return;
      shown = true;
      stderr.write(`\r\u001B[K${examined} projects looked at, ${toDo} to do`);
    },
    clear() {
      if (shown) stderr.write("\r\u001B[K");
      shown = false;
    },
  };
}
