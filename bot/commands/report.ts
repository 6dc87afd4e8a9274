import { type Environment, requireGitLab, requireMirror } from "../config.ts";
import { BotError, UsageError } from "../errors.ts";
import { type Api, createApi } from "../gitlab/api.ts";
import type { Clock } from "../gitlab/clock.ts";
import { findProject } from "../gitlab/projects.ts";
import type { Project } from "../gitlab/schema.ts";
import { MirrorClient } from "../mirror/client.ts";
import { acceptToken } from "../proof/prove.ts";
import { type ReportIssue, findReportIssue, writeReportIssue } from "../proof/report-issue.ts";
import { type Scope, surveyProjects } from "../proof/survey.ts";
import { type Report, renderReport, reportHeadline } from "../render/report-body.ts";
import { nextMarker } from "../render/report-snapshot.ts";
import {
  type Command,
  type CommandArguments,
  type CommandContext,
  type ExitCode,
  isFlagSet,
  textFlag,
} from "./command.ts";
import { pathFlag, readDays, readScope } from "./scope.ts";

const HELP = `tidepool report: what the mirror did for a project or a group, in one issue

Usage: tidepool report (--project G/P | --group G) --mirror URL [options]

Looks at the mirror's figures and at the last finished pipeline of each project's default branch, and writes hit rate,
pulls kept off Docker Hub's limit, the images held, the projects by state, and what bypasses the mirror with the edit
that mends it. The issue is found again by its label "tidepool" and a marker, and edited in place; nothing is written
where nothing is new. Closing the issue stops the reports, opening it again resumes them.

  --project G/P         report on one project
  --group G             report on all projects of a group and its subgroups
  --issue-project G/P   where the issue goes (default: the reported project; for a group CI_PROJECT_PATH)
  --since DAYS          days to look back, such as 7d (default: 7d, at most 90d); today is one of them
  --mirror URL          the mirror (or TIDEPOOL_MIRROR)
  --dry-run             write nothing to GitLab, print the report; a token with read_api suffices

Environment: GITLAB_URL, GITLAB_TOKEN (scope api; Reporter in all projects, Planner where the issue is),
TIDEPOOL_MIRROR, TIDEPOOL_TOKEN (the mirror's ADMIN_TOKEN)
Exit codes: 0 written, or stopped by a closed issue, 1 an error: the last report is left standing, 2 wrong use or
configuration

Example:
  tidepool report --group acme --issue-project acme/ops --mirror https://mirror.example.com
`;

const text = { type: "string" } as const;
const DAY_MS = 86_400_000;

/** What tests put in the place of the machine's own. */
export interface ReportPorts {
  readonly clock?: Clock;
}

/** Makes `tidepool report`. */
export function createReport(ports: ReportPorts = {}): Command {
  return {
    help: HELP,
    maxPositionals: 0,
    options: {
      project: text,
      group: text,
      "issue-project": text,
      since: text,
      mirror: text,
      "dry-run": { type: "boolean" },
    },
    run: (args, context) => run(args, context, ports),
  };
}

/** `tidepool report`. */
export const report: Command = createReport();

async function run(
  args: CommandArguments,
  context: CommandContext,
  ports: ReportPorts,
): Promise<ExitCode> {
  const { env, stdout, stderr } = context;
  const scope = readScope(args);
  const days = readDays(args, "7d");
  const mirror = requireMirror(textFlag(args, "mirror"), env);
  const isDry = isFlagSet(args, "dry-run");
  const home = issueHome(args, { scope, env, isDry });
  const client = new MirrorClient(mirror, env["TIDEPOOL_TOKEN"] || null);
  const api = createApi(requireGitLab(env), ports);
  const identity = await acceptToken(api, isDry ? "read" : "write");
  for (const warning of identity.warnings) stderr.write(`warning: ${warning}\n`);

  const project = home === null ? null : await requireProject(api, home);
  const standing =
    project === null ? null : await findReportIssue(api, project.id, scopeName(scope));
  if (standing !== null && !standing.issue.isOpen) {
    stdout.write(`The report's issue is closed, so there is no report: ${standing.issue.webUrl}\n`);
    return 0;
  }
  const view = await compose({ api, client, mirror }, { scope, days, standing });
  const body = renderReport(view);
  if (isDry || project === null) {
    stdout.write(`${body}\n`);
    return 0;
  }
  const title = `Docker Hub mirror report: ${scope.path}`;
  const place = { projectId: project.id, standing };
  const { issue, done } = await writeReportIssue(api, place, { title, body });
  stdout.write(`${reportHeadline(view)}. Report ${done}: ${issue.webUrl}\n`);
  return 0;
}

interface Composition {
  readonly scope: Scope;
  readonly days: number;
  readonly standing: ReportIssue | null;
}

async function compose(
  ports: Pick<Report, "mirror"> & { readonly api: Api; readonly client: MirrorClient },
  { scope, days, standing }: Composition,
): Promise<Report> {
  const { api, client, mirror } = ports;
  const nowMs = api.clock.now();
  const to = new Date(nowMs).toISOString().slice(0, 10);
  const sinceMs = Date.parse(to) - (days - 1) * DAY_MS;
  const { projects, heard, notSeen } = await surveyProjects(ports, scope, sinceMs);
  const stats =
    heard.catalog === null
      ? null
      : await client.stats({ since: sinceMs, until: nowMs, step: "day" });
  const now = heard.catalog?.flatMap(({ upstream, repository, tags }) =>
    tags.map(({ tag }) => `${upstream === "docker.io" ? "" : `${upstream}/`}${repository}:${tag}`),
  );
  const names = (now ?? [...heard.repositories]).toSorted((a, b) => (a < b ? -1 : 1));
  return {
    mirror,
    period: { from: new Date(sinceMs).toISOString().slice(0, 10), to },
    stats,
    catalog: heard.catalog,
    repositories: heard.repositories,
    projects,
    marker: nextMarker(standing?.marker ?? null, { scope: scopeName(scope), day: to, now: names }),
    notSeen: stats === null ? [WITHOUT_API, ...notSeen] : notSeen,
  };
}

const WITHOUT_API =
  "Pulls, hits and bytes: this mirror has no pull log, only a catalog. What it holds was pulled through it once.";

function scopeName({ kind, path }: Scope): string {
  return `${kind}:${path}`;
}

/** The project whose issue it is; `null` in a dry run of a group, which needs none. */
function issueHome(
  args: CommandArguments,
  { scope, env, isDry }: { scope: Scope; env: Environment; isDry: boolean },
): string | null {
  const given = pathFlag(args, "issue-project");
  if (given !== "") return given;
  if (scope.kind === "project") return scope.path;
  const own = env["CI_PROJECT_PATH"];
  if (own !== undefined && own !== "") return own;
  if (isDry) return null;
  throw new UsageError("say in which project the group's report goes: --issue-project G/P");
}

async function requireProject(api: Api, path: string): Promise<Project> {
  const project = await findProject(api, path);
  if (project === null)
    throw new BotError(`${api.url} has no project ${path}, or GITLAB_TOKEN may not see it`);
  return project;
}
