import * as z from "zod";
import { readAnswer, readList, type Api } from "./api.ts";
import { GitLabError, isGitLabError } from "./errors.ts";

const Time = z
  .string()
  .nullish()
  .transform((text) => {
    const ms = Date.parse(text ?? "");
    return Number.isNaN(ms) ? null : ms;
  });

/** A pipeline. `status` is text: GitLab may add to it. */
export const Pipeline = z
  .object({
    id: z.int().positive(),
    project_id: z.number().nullish(),
    sha: z.string(),
    status: z.string(),
    web_url: z.string().default(""),
    updated_at: Time,
  })
  .transform((pipeline) => ({
    id: pipeline.id,
    projectId: pipeline.project_id ?? null,
    sha: pipeline.sha,
    status: pipeline.status,
    webUrl: pipeline.web_url,
    updatedAtMs: pipeline.updated_at,
  }));
/** What {@link Pipeline} reads. */
export type Pipeline = z.infer<typeof Pipeline>;

/** A job. Without a start it never ran: manual, skipped, or waiting. */
export const Job = z
  .object({
    id: z.number(),
    name: z.string(),
    status: z.string(),
    web_url: z.string().default(""),
    started_at: Time,
    finished_at: Time,
  })
  .transform((job) => ({
    id: job.id,
    name: job.name,
    status: job.status,
    webUrl: job.web_url,
    startedAtMs: job.started_at,
    finishedAtMs: job.finished_at,
  }));
/** What {@link Job} reads. */
export type Job = z.infer<typeof Job>;

/** A bridge: a job that starts a child or downstream pipeline. */
const Bridge = z.object({
  name: z.string(),
  downstream_pipeline: z.object({ id: z.int(), project_id: z.number().nullish() }).nullish(),
});

/** Reads one pipeline. */
export async function readPipeline(api: Api, projectId: number, id: number): Promise<Pipeline> {
  const answer = await api.rest.Pipelines.show(projectId, id);
  return readAnswer(`GET projects/${projectId}/pipelines/${id}`, Pipeline, answer);
}

/** The newest pipelines of a branch, one page: enough to find the last one that has finished. */
export async function listLastPipelines(
  api: Api,
  projectId: number,
  ref: string,
): Promise<Pipeline[]> {
  const path = `projects/${projectId}/pipelines`;
  const searchParams = { ref, per_page: 20, order_by: "id", sort: "desc" };
  const { body } = await api.rest.Projects.requester.get(path, { searchParams });
  return readAnswer(`GET ${path}`, z.array(Pipeline), body);
}

/** Every attempt at every job of a pipeline: what was pulled by an attempt that failed was pulled. */
export function listJobs(api: Api, projectId: number, pipelineId: number): Promise<Job[]> {
  return readList(api, {
    path: `projects/${projectId}/pipelines/${pipelineId}/jobs`,
    query: { include_retried: true },
    item: Job,
  });
}

/** A child or downstream pipeline. */
export interface Downstream {
  readonly name: string;
  readonly projectId: number;
  readonly pipelineId: number;
}

/** The pipelines that a pipeline has started. */
export async function listDownstream(
  api: Api,
  projectId: number,
  pipelineId: number,
): Promise<Downstream[]> {
  const bridges = await readList(api, {
    path: `projects/${projectId}/pipelines/${pipelineId}/bridges`,
    query: {},
    item: Bridge,
  });
  return bridges.flatMap(({ name, downstream_pipeline: started }) =>
    started ? [{ name, projectId: started.project_id ?? projectId, pipelineId: started.id }] : [],
  );
}

/** 60 s without a byte: the connection is dead, whatever it says. */
const STALL_MS = 60_000;

/**
 * Opens a job's log, of any size, as it comes.
 *
 * @throws {@link GitLabError} where it stops coming, too
 */
export async function* openTrace(
  api: Api,
  projectId: number,
  jobId: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const path = `projects/${projectId}/jobs/${jobId}/trace`;
  const { body } = await api.rest.Projects.requester.get(path, { asStream: true });
  const reader = (body as unknown as ReadableStream<Uint8Array>).getReader();
  try {
    for (;;) {
      const { done, value } = await withinTime(reader.read());
      if (done) return;
      yield value;
    }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const failure = { request: `GET ${path}`, status: null, effect: "none", detail } as const;
    throw new GitLabError(failure, { cause: error });
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function withinTime<Value>(promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`the log stopped coming for ${STALL_MS / 1000} s`));
    }, STALL_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A status to be put on a commit. */
export interface NewStatus {
  readonly sha: string;
  /** Without it GitLab may begin another pipeline, and the merge request then looks only at that one. */
  readonly pipelineId: number;
  readonly state: "success" | "failed";
  readonly name: string;
  /** GitLab takes 255 characters. */
  readonly description: string;
  readonly targetUrl: string;
}

/** Sets a status; that it has this state already is as good. */
export async function setStatus(api: Api, projectId: number, status: NewStatus): Promise<void> {
  const { sha, state, ...options } = status;
  try {
    await api.rest.Commits.editStatus(projectId, sha, state, {
      ...options,
      description: options.description.slice(0, 255),
    });
  } catch (error) {
    if (isGitLabError(error, 400) && /cannot transition status/i.test(error.detail)) return;
    throw error;
  }
}
