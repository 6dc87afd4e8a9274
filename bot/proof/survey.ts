import { BotError } from "../errors.ts";
import type { Api } from "../gitlab/api.ts";
import { isGitLabError } from "../gitlab/errors.ts";
import { listMergeRequests } from "../gitlab/merge-requests.ts";
import { listLastPipelines, type Pipeline } from "../gitlab/pipelines.ts";
import { findProject, listGroupProjects } from "../gitlab/projects.ts";
import { findFile } from "../gitlab/repository.ts";
import type { MergeRequest, Project } from "../gitlab/schema.ts";
import { forEachOf } from "../onboard/pool.ts";
import { PROJECT_CONFIG_PATH, parseProjectConfig } from "../project-config.ts";
import { BRANCH_NAME } from "../render/branch-name.ts";
import { parseMarker } from "../render/marker.ts";
import type { ProjectState, ReportedProject } from "../render/report-body.ts";
import { judge } from "../verify/judge.ts";
import { type State, summarise } from "../verify/summary.ts";
import type { JobLog, JudgedImage } from "../verify/verdict.ts";
import { type ProofPorts, hear } from "./prove.ts";
import { type PipelineLogs, readJobs } from "./read-jobs.ts";
import type { Heard } from "./read-mirror.ts";

/** What is reported on. */
export interface Scope {
  readonly kind: "project" | "group";
  readonly path: string;
}

/** What was found out about the projects of a scope. */
export interface Survey {
  readonly projects: readonly ReportedProject[];
  readonly heard: Heard;
  /** What could not be seen, in our words. */
  readonly notSeen: readonly string[];
}

/** One project, looked at but not judged yet. */
interface Looked {
  readonly project: Project;
  readonly merge: MergeRequest | null;
  /** Whether its `.tidepool.yml` says no. */
  readonly isOff: boolean;
  readonly pipeline: Pipeline | null;
  readonly logs: PipelineLogs;
  readonly why: string | null;
}

const NO_LOGS: PipelineLogs = { jobs: [], unread: [] };
/** Projects looked at side by side; the client itself holds back what would be too many requests. */
const WORKERS = 3;

/**
 * Looks at every project of a scope: its merge request of ours, and its default branch's last pipeline since a time.
 *
 * All logs are read before anything is judged: one pull record then stands for one image of the whole group.
 *
 * @throws {@link GitLabError} {@link MirrorError} where one of the two fails; what may merely not be read is told
 */
export async function surveyProjects(
  ports: ProofPorts,
  scope: Scope,
  sinceMs: number,
): Promise<Survey> {
  const looked: Looked[] = [];
  const skipped: string[] = [];
  await forEachOf(listScope(ports.api, scope), WORKERS, async (project) => {
    if (project.isArchived || project.isEmpty || project.isBeingDeleted) skipped.push(project.path);
    else looked.push(await look(ports.api, project, sinceMs));
  });
  looked.sort((a, b) => (a.project.path < b.project.path ? -1 : 1));
  const jobs = looked.flatMap(({ logs }) => logs.jobs);
  const heard = await hear(ports, jobs);
  const images = Map.groupBy(judge(jobs, heard.witness, ports.mirror), ({ job }) => job);
  return {
    projects: looked.map((one) => describe(one, images)),
    heard,
    notSeen: notSeen(looked, skipped.length),
  };
}

/** The projects of a scope. @throws {@link BotError} where a named one does not exist or may not be seen */
export async function* listScope(api: Api, { kind, path }: Scope): AsyncGenerator<Project> {
  if (kind === "group") {
    for await (const page of listGroupProjects(api, path)) yield* page;
    return;
  }
  const project = await findProject(api, path);
  if (project === null)
    throw new BotError(`${api.url} has no project ${path}, or GITLAB_TOKEN may not see it`);
  yield project;
}

async function look(api: Api, project: Project, sinceMs: number): Promise<Looked> {
  const nothing = { project, merge: null, isOff: false, pipeline: null, logs: NO_LOGS };
  try {
    const merge = await findOurs(api, project);
    const isOff = await saysNo(api, project);
    const pipeline = await findLast(api, project, sinceMs);
    const place = { projectId: project.id, pipelineId: pipeline?.id ?? 0, ownJobId: null };
    const logs = pipeline === null ? NO_LOGS : await readJobs(api, place);
    return { project, merge, isOff, pipeline, logs, why: null };
  } catch (error) {
    if (!isGitLabError(error, 403, 404)) throw error;
    return { ...nothing, why: `its pipelines or merge requests may not be read (${error.status})` };
  }
}

/** The open merge request of ours, else the newest one that people closed. */
async function findOurs(api: Api, project: Project): Promise<MergeRequest | null> {
  if (!project.hasMergeRequests) return null;
  const ours = (await listMergeRequests(api, project.id, BRANCH_NAME)).filter(
    ({ description }) => parseMarker(description) !== null,
  );
  return ours.find(({ state }) => state === "opened") ?? ours[0] ?? null;
}

async function saysNo(api: Api, { id, defaultBranch }: Project): Promise<boolean> {
  if (defaultBranch === null) return false;
  const file = await findFile(api, id, { path: PROJECT_CONFIG_PATH, ref: defaultBranch });
  const config = file === null ? {} : parseProjectConfig(file.bytes.toString("utf8"));
  return "enabled" in config && config.enabled === false;
}

const FINISHED: ReadonlySet<string> = new Set(["success", "failed", "canceled"]);

async function findLast(api: Api, project: Project, sinceMs: number): Promise<Pipeline | null> {
  if (project.defaultBranch === null) return null;
  const last = await listLastPipelines(api, project.id, project.defaultBranch);
  // Lists have the time in one of two fields, by version: a pipeline that tells none is taken.
  return (
    last.find(
      ({ status, updatedAtMs }) => FINISHED.has(status) && (updatedAtMs ?? sinceMs) >= sinceMs,
    ) ?? null
  );
}

function describe(
  { project, merge, isOff, pipeline, logs, why }: Looked,
  images: ReadonlyMap<JobLog, readonly JudgedImage[]>,
): ReportedProject {
  const own = logs.jobs.flatMap((job) => images.get(job) ?? []);
  const state = why === null ? stateOf({ merge, isOff }, summarise(own).state) : "unread";
  const isAboutMerge = state === "open" || (state === "opted-out" && !isOff);
  const byMerge = merge && { text: `!${merge.iid}`, url: merge.webUrl };
  const byPipeline = pipeline && { text: `pipeline #${pipeline.id}`, url: pipeline.webUrl };
  return {
    path: project.path,
    url: project.webUrl,
    state,
    evidence: isAboutMerge ? byMerge : byPipeline,
    bypassed: own.filter(({ verdict }) => verdict === "bypassed"),
    why,
  };
}

const STATES: Readonly<Record<State, ProjectState>> = {
  proven: "proven",
  held: "held",
  bypassed: "bypassing",
  unclear: "unclear",
  nothing: "quiet",
};

/** An open merge request is what a project waits for; a closed one is its answer, unless it has the mirror anyway. */
function stateOf({ merge, isOff }: Pick<Looked, "merge" | "isOff">, measured: State): ProjectState {
  if (merge?.state === "opened") return "open";
  const isClosed =
    merge?.state === "closed" && parseMarker(merge.description)?.closed === undefined;
  const isRefused = isOff || isClosed;
  return isRefused && measured !== "proven" ? "opted-out" : STATES[measured];
}

function notSeen(looked: readonly Looked[], skipped: number): string[] {
  const lines = [
    "What clients pull outside of the pipelines named here, if they do not ask the mirror at all.",
  ];
  const without = looked.filter(({ pipeline, why }) => pipeline === null && why === null).length;
  if (without > 0)
    lines.push(
      `${without} of ${looked.length} projects had no finished pipeline on their default branch in this time.`,
    );
  const logs = looked.reduce((sum, one) => sum + one.logs.unread.length, 0);
  if (logs > 0) lines.push(`${logs} logs or pipelines that may not be read, or had not finished.`);
  if (skipped > 0) lines.push(`${skipped} projects that are archived, empty or being deleted.`);
  return lines;
}
