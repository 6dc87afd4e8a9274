import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { requireGitLab, requireMirror } from "../config.ts";
import { BotError, UsageError } from "../errors.ts";
import { type Api, createApi } from "../gitlab/api.ts";
import { isGitLabError } from "../gitlab/errors.ts";
import type { Clock } from "../gitlab/clock.ts";
import { findMergeRequest } from "../gitlab/merge-requests.ts";
import { type Pipeline, readPipeline } from "../gitlab/pipelines.ts";
import { findProject } from "../gitlab/projects.ts";
import type { MergeRequest, Project } from "../gitlab/schema.ts";
import type { Mirror } from "../files/mirror.ts";
import { MirrorClient } from "../mirror/client.ts";
import { listUnverified } from "../proof/finished.ts";
import { acceptToken, provePipeline } from "../proof/prove.ts";
import type { Scope } from "../proof/survey.ts";
import { STATUS_NAME, publish, publishStatus } from "../proof/publish.ts";
import { renderJunit } from "../render/junit.ts";
import { renderVerifyComment } from "../render/verify-comment.ts";
import { renderVerifyJson } from "../render/verify-json.ts";
import { renderVerifyText } from "../render/verify-text.ts";
import type { Verification } from "../verify/verification.ts";
import {
  type Command,
  type CommandArguments,
  type CommandContext,
  type ExitCode,
  isFlagSet,
  textFlag,
} from "./command.ts";
import { pathFlag, readDays, readScope } from "./scope.ts";

const HELP = `tidepool verify: did this pipeline's images come from the mirror?

Usage: tidepool verify --project G/P (--merge-request IID | --pipeline ID) --mirror URL [options]
       tidepool verify (--project G/P | --group G) --finished --mirror URL [options]

Reads the logs of every job that ran, child and downstream pipelines and earlier attempts included, and joins what they
pulled with the mirror's own pull log. With --merge-request its last pipeline is looked at, and the verdict stands in one
comment that later runs edit; a short new note comes only when the verdict flips. Both ways set the commit status
${STATUS_NAME}.

A mirror without an API of Tidepool's, a plain registry:2 for one, is asked for its catalog alone, which shows less.

  --project G/P        the project
  --merge-request IID  a merge request's number; its head's pipeline is verified
  --pipeline ID        a pipeline's number; no comment is written
  --finished           every open merge request whose head's pipeline has finished and is not told of yet: for schedules
  --group G            with --finished: all projects of a group and its subgroups
  --since DAYS         with --finished: merge requests touched in the last days, such as 2d (default: 2d)
  --mirror URL         the mirror (or TIDEPOOL_MIRROR)
  --junit FILE         write a JUnit report as well: an image is a test case
  --json               print the verdicts as JSON
  --advisory           a bypass is told, and neither fails the status nor this command
  --dry-run            write nothing to GitLab, print the comment; a token with read_api suffices

Environment: GITLAB_URL, GITLAB_TOKEN (scope api; Reporter to comment, Developer for the status), TIDEPOOL_MIRROR,
TIDEPOOL_TOKEN (the mirror's ADMIN_TOKEN)
Exit codes: 0 nothing bypassed the mirror, 1 something did, or an error, 2 wrong use or configuration

Example:
  tidepool verify --project acme/shop --merge-request 12 --mirror https://mirror.example.com --junit tidepool.xml
`;

const DAY_MS = 86_400_000;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

/** What tests put in the place of the machine's own. */
export interface VerifyPorts {
  readonly clock?: Clock;
}

/** Makes `tidepool verify`. */
export function createVerify(ports: VerifyPorts = {}): Command {
  return {
    help: HELP,
    maxPositionals: 0,
    options: {
      project: text,
      group: text,
      "merge-request": text,
      pipeline: text,
      finished: flag,
      since: text,
      mirror: text,
      junit: text,
      json: flag,
      advisory: flag,
      "dry-run": flag,
    },
    run: (args, context) => run(args, context, ports),
  };
}

/** `tidepool verify`. */
export const verify: Command = createVerify();

interface Target {
  readonly project: Project;
  readonly pipeline: Pipeline;
  /** `null` where a pipeline was named, and there is nothing to comment on. */
  readonly merge: MergeRequest | null;
}

/** What one run of the command works with. */
interface Run {
  readonly args: CommandArguments;
  readonly context: CommandContext;
  readonly api: Api;
  readonly client: MirrorClient;
  readonly mirror: Mirror;
  readonly userId: number;
}

async function run(
  args: CommandArguments,
  context: CommandContext,
  ports: VerifyPorts,
): Promise<ExitCode> {
  const { env, stderr } = context;
  const asked = readAsked(args);
  const mirror = requireMirror(textFlag(args, "mirror"), env);
  const client = new MirrorClient(mirror, env["TIDEPOOL_TOKEN"] || null);
  const api = createApi(requireGitLab(env), ports);
  const identity = await acceptToken(api, isFlagSet(args, "dry-run") ? "read" : "write");
  for (const warning of identity.warnings) stderr.write(`warning: ${warning}\n`);
  const work = { args, context, api, client, mirror, userId: identity.user.id };
  if (asked.kind === "finished") return verifyFinished(work, asked);
  return verifyOne(work, await findTarget(api, asked));
}

/** One merge request's trouble does not stop the others; the mirror's stops all. */
async function verifyFinished(work: Run, { scope, days }: AskedFinished): Promise<ExitCode> {
  const { api, userId, context } = work;
  const sinceMs = api.clock.now() - days * DAY_MS;
  let worst: ExitCode = 0;
  for await (const target of listUnverified(api, scope, { sinceMs, userId })) {
    const name = `${target.project.path}!${target.merge.iid}`;
    context.stdout.write(`${name}\n`);
    try {
      worst = Math.max(worst, await verifyOne(work, target)) as ExitCode;
    } catch (error) {
      if (!isGitLabError(error)) throw error;
      context.stderr.write(`${name}: ${error.message}\n`);
      worst = 1;
    }
  }
  return worst;
}

async function verifyOne(work: Run, { project, pipeline, merge }: Target): Promise<ExitCode> {
  const { args, context, api, userId } = work;
  // The head's pipeline of a fork's merge request may run in the fork.
  const projectId = pipeline.projectId ?? project.id;
  const own = context.env["CI_JOB_ID"];
  const ownJobId = own === undefined ? null : Number(own);
  const view = await provePipeline(work, { projectId, pipeline, ownJobId });

  const junit = textFlag(args, "junit");
  if (junit !== undefined) await writeFile(resolve(context.cwd, junit), renderJunit(view));
  const isAdvisory = isFlagSet(args, "advisory");
  if (!isFlagSet(args, "dry-run")) {
    if (merge !== null) {
      const place = { projectId: project.id, iid: merge.iid };
      const { comment } = await publish(api, { place, merge, userId }, view);
      context.stderr.write(`comment on !${merge.iid}: ${comment}\n`);
    }
    await tryStatus(work, { projectId, isAdvisory }, view);
  }
  context.stdout.write(print(args, view));
  return view.summary.state === "bypassed" && !isAdvisory ? 1 : 0;
}

async function tryStatus(
  { api, context }: Run,
  place: { readonly projectId: number; readonly isAdvisory: boolean },
  view: Verification,
): Promise<void> {
  try {
    await publishStatus(api, place, view);
  } catch (error) {
    // A Reporter may comment and may not set statuses: the comment stands, and that is most of it.
    if (!isGitLabError(error, 403)) throw error;
    context.stderr.write(`warning: no commit status: ${error.message}\n`);
  }
}

function print(args: CommandArguments, view: Verification): string {
  if (isFlagSet(args, "json")) return renderVerifyJson(view);
  return isFlagSet(args, "dry-run") ? `${renderVerifyComment(view)}\n` : renderVerifyText(view);
}

interface AskedOne {
  readonly kind: "merge-request" | "pipeline";
  readonly project: string;
  readonly id: number;
}

interface AskedFinished {
  readonly kind: "finished";
  readonly scope: Scope;
  readonly days: number;
}

function readAsked(args: CommandArguments): AskedOne | AskedFinished {
  if (isFlagSet(args, "finished")) return readFinished(args);
  const project = pathFlag(args, "project");
  if (project === "") throw new UsageError("say which project: --project G/P");
  for (const name of ["group", "since"])
    if (textFlag(args, name) !== undefined) throw new UsageError(`--${name} goes with --finished`);
  const merge = textFlag(args, "merge-request");
  const pipeline = textFlag(args, "pipeline");
  if ((merge === undefined) === (pipeline === undefined))
    throw new UsageError("say what to verify: --merge-request IID, --pipeline ID or --finished");
  const kind = merge === undefined ? "pipeline" : "merge-request";
  const given = merge ?? pipeline ?? "";
  if (!/^[1-9]\d{0,14}$/.test(given))
    throw new UsageError(`--${kind} takes a number, not "${given}"`);
  return { kind, project, id: Number(given) };
}

function readFinished(args: CommandArguments): AskedFinished {
  for (const name of ["merge-request", "pipeline", "junit"])
    if (textFlag(args, name) !== undefined)
      throw new UsageError(`--${name} is about one pipeline, --finished about many`);
  if (isFlagSet(args, "json"))
    throw new UsageError("--json is about one pipeline, --finished about many");
  return { kind: "finished", scope: readScope(args), days: readDays(args, "2d") };
}

async function findTarget(api: Api, { project: path, kind, id }: AskedOne): Promise<Target> {
  const project = await findProject(api, path);
  if (project === null)
    throw new BotError(`${api.url} has no project ${path}, or GITLAB_TOKEN may not see it`);
  if (kind === "pipeline")
    return { project, pipeline: await readPipeline(api, project.id, id), merge: null };
  const found = await findMergeRequest(api, { projectId: project.id, iid: id });
  if (found === null) throw new BotError(`${path} has no merge request !${id}`);
  if (found.head === null)
    throw new BotError(`${path}!${id} has no pipeline yet: there is nothing to verify`);
  return { project, pipeline: found.head, merge: found.merge };
}
