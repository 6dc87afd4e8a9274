import type { Api } from "../gitlab/api.ts";
import { isGitLabError } from "../gitlab/errors.ts";
import { type Job, listDownstream, listJobs, openTrace } from "../gitlab/pipelines.ts";
import { forEachOf } from "../onboard/pool.ts";
import { readTrace } from "../trace/reader.ts";
import type { Trace } from "../trace/trace.ts";
import type { JobLog } from "../verify/verdict.ts";
import type { Verification } from "../verify/verification.ts";

/** A pipeline and those it started, five deep: GitLab allows two levels of children. */
const MAX_DEPTH = 5;
/** GitLab's own limit is 500 jobs in a pipeline on gitlab.com. */
const MAX_JOBS = 2000;
/** Logs read at once; with retries and lists this stays under the 8 requests that the client allows itself. */
const WORKERS = 6;

/** What was read of a pipeline. */
export interface PipelineLogs {
  readonly jobs: readonly JobLog[];
  readonly unread: Verification["unread"];
}

/** Which pipeline. */
export interface PipelinePlace {
  readonly projectId: number;
  readonly pipelineId: number;
  /** The job that asks, when it is one of the pipeline: its own log is not finished. */
  readonly ownJobId: number | null;
}

interface Found {
  readonly projectId: number;
  readonly job: Job;
  readonly current: boolean;
}

/**
 * Reads the logs of every job of a pipeline that ran, its children's and downstream ones' included, each attempt too.
 *
 * What never ran, manual and skipped jobs, has no log and is passed over. What may not be read is told.
 *
 * @throws {@link GitLabError} where GitLab fails: half of a pipeline would make a wrong verdict
 */
export async function readJobs(api: Api, place: PipelinePlace): Promise<PipelineLogs> {
  const unread: { name: string; why: string }[] = [];
  const found = await findJobs(api, place, unread);
  const logs = new Map<number, JobLog>();
  const ran = found.filter(({ job }) => job.startedAtMs !== null && job.id !== place.ownJobId);
  await forEachOf(streamOf(ran), WORKERS, async ({ projectId, job, current }) => {
    if (job.finishedAtMs === null) {
      unread.push({ name: job.name, why: "it had not finished" });
      return;
    }
    const trace = await readLog(api, projectId, job.id);
    if (typeof trace === "string") unread.push({ name: job.name, why: trace });
    else logs.set(job.id, describe(api, { job, current, trace }));
  });
  return {
    // In the order they were started in, whichever log came first.
    jobs: [...logs.values()].toSorted((a, b) => a.id - b.id),
    unread: unread.toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name))),
  };
}

async function* streamOf(found: readonly Found[]): AsyncGenerator<Found> {
  yield* found;
}

async function findJobs(
  api: Api,
  place: PipelinePlace,
  unread: { name: string; why: string }[],
): Promise<Found[]> {
  const found: Found[] = [];
  const seen = new Set<number>();
  let level: { name: string; projectId: number; pipelineId: number }[] = [{ name: "", ...place }];
  for (let depth = 0; depth <= MAX_DEPTH && level.length > 0; depth += 1) {
    const next: typeof level = [];
    for (const { name, projectId, pipelineId } of level) {
      if (seen.has(pipelineId) || found.length > MAX_JOBS) continue;
      seen.add(pipelineId);
      try {
        found.push(...latest(projectId, await listJobs(api, projectId, pipelineId)));
        next.push(...(await listDownstream(api, projectId, pipelineId)));
      } catch (error) {
        // The pipeline that was asked for must be readable; one it started may be another team's.
        if (depth === 0 || !isGitLabError(error, 403, 404)) throw error;
        unread.push({ name, why: `the pipeline it started may not be read (${error.status})` });
      }
    }
    level = next;
  }
  return found;
}

/** GitLab lists attempts without saying which is the last: it has the highest number of its name. */
function latest(projectId: number, jobs: readonly Job[]): Found[] {
  const newest = new Map<string, number>();
  for (const { name, id } of jobs) newest.set(name, Math.max(id, newest.get(name) ?? 0));
  return jobs.map((job) => ({ projectId, job, current: newest.get(job.name) === job.id }));
}

async function readLog(api: Api, projectId: number, jobId: number): Promise<Trace | string> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await readTrace(openTrace(api, projectId, jobId));
    } catch (error) {
      if (isGitLabError(error, 403, 404)) return `its log may not be read (${error.status})`;
      // A log that broke off is read from its beginning, once.
      if (attempt > 0 || !isGitLabError(error) || error.status !== null) throw error;
    }
  }
}

function describe(
  api: Api,
  { job, current, trace }: Omit<Found, "projectId"> & { trace: Trace },
): JobLog {
  const { id, name, webUrl, startedAtMs, finishedAtMs } = job;
  const project = webUrl.startsWith(`${api.url}/`)
    ? webUrl.slice(api.url.length + 1).replace(/\/-\/jobs\/.*$/, "")
    : "";
  return { id, name, project, url: webUrl, current, startedAtMs, finishedAtMs, trace };
}
