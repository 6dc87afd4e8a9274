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
import { MirrorClient } from "../mirror/client.ts";
import { acceptToken, provePipeline } from "../proof/prove.ts";
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

const HELP = `tidepool verify: did this pipeline's images come from the mirror?

Usage: tidepool verify --project G/P (--merge-request IID | --pipeline ID) --mirror URL [options]

Reads the logs of every job that ran, child and downstream pipelines and earlier attempts included, and joins what they
pulled with the mirror's own pull log. With --merge-request its last pipeline is looked at, and the verdict stands in one
comment that later runs edit; a short new note comes only when the verdict flips. Both ways set the commit status
${STATUS_NAME}.

A mirror without an API of Tidepool's, a plain registry:2 for one, is asked for its catalog alone, which shows less.

  --project G/P        the project
  --merge-request IID  a merge request's number; its head's pipeline is verified
  --pipeline ID        a pipeline's number; no comment is written
  --mirror URL         the mirror (or TIDEPOOL_MIRROR)
  --junit FILE         write a JUnit report as well: an image is a test case
  --json               print the verdicts as JSON
  --advisory           a bypass is told, and neither fails the status nor this command
  --dry-run            write nothing to GitLab, print the comment; a token with read_api suffices

Environment: GITLAB_URL, GITLAB_TOKEN (scope api; Reporter to comment, Developer for the status), TIDEPOOL_MIRROR,
TIDEPOOL_TOKEN (the mirror's ADMIN_TOKEN)
Exit codes: 0 nothing went round the mirror, 1 something did, or an error, 2 wrong use or configuration

Example:
  tidepool verify --project acme/shop --merge-request 12 --mirror https://mirror.example.com --junit tidepool.xml
`;

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
      "merge-request": text,
      pipeline: text,
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

async function run(
  args: CommandArguments,
  context: CommandContext,
  ports: VerifyPorts,
): Promise<ExitCode> {
  const { env, stdout, stderr } = context;
  const asked = readTarget(args);
  const mirror = requireMirror(textFlag(args, "mirror"), env);
  const client = new MirrorClient(mirror, env["TIDEPOOL_TOKEN"] || null);
  const api = createApi(requireGitLab(env), ports);
  const isDry = isFlagSet(args, "dry-run");
  const identity = await acceptToken(api, isDry ? "read" : "write");
  for (const warning of identity.warnings) stderr.write(`warning: ${warning}\n`);

  const target = await findTarget(api, asked);
  const { project, pipeline, merge } = target;
  // Downstream of a fork the head's pipeline runs in the fork.
  const projectId = pipeline.projectId ?? project.id;
  const own = env["CI_JOB_ID"];
  const ownJobId = own === undefined ? null : Number(own);
  const view = await provePipeline({ api, client, mirror }, { projectId, pipeline, ownJobId });

  const junit = textFlag(args, "junit");
  if (junit !== undefined) await writeFile(resolve(context.cwd, junit), renderJunit(view));
  const isAdvisory = isFlagSet(args, "advisory");
  if (!isDry) {
    if (merge !== null) {
      const place = { projectId: project.id, iid: merge.iid };
      const published = await publish(api, { place, merge, userId: identity.user.id }, view);
      stderr.write(`comment on !${merge.iid}: ${published.comment}\n`);
    }
    try {
      await publishStatus(api, { projectId, isAdvisory }, view);
    } catch (error) {
      // A Reporter may comment and may not set statuses: the comment stands, and that is most of it.
      if (!isGitLabError(error, 403)) throw error;
      stderr.write(`warning: no commit status: ${error.message}\n`);
    }
  }
  stdout.write(print(args, view));
  return view.summary.state === "bypassed" && !isAdvisory ? 1 : 0;
}

function print(args: CommandArguments, view: Verification): string {
  if (isFlagSet(args, "json")) return renderVerifyJson(view);
  return isFlagSet(args, "dry-run") ? `${renderVerifyComment(view)}\n` : renderVerifyText(view);
}

interface Asked {
  readonly project: string;
  readonly kind: "merge-request" | "pipeline";
  readonly id: number;
}

function readTarget(args: CommandArguments): Asked {
  const project = textFlag(args, "project")?.replaceAll(/^\/+|\/+$/g, "") ?? "";
  if (project === "") throw new UsageError("say which project: --project G/P");
  const merge = textFlag(args, "merge-request");
  const pipeline = textFlag(args, "pipeline");
  if ((merge === undefined) === (pipeline === undefined))
    throw new UsageError("say what to verify: either --merge-request IID or --pipeline ID");
  const kind = merge === undefined ? "pipeline" : "merge-request";
  const given = merge ?? pipeline ?? "";
  if (!/^[1-9]\d{0,14}$/.test(given))
    throw new UsageError(`--${kind} takes a number, not "${given}"`);
  return { project, kind, id: Number(given) };
}

async function findTarget(api: Api, { project: path, kind, id }: Asked): Promise<Target> {
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
