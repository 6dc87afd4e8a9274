import { BotError, ConfigError } from "../errors.ts";
import type { Mirror } from "../files/mirror.ts";
import type { Api } from "../gitlab/api.ts";
import type { Pipeline } from "../gitlab/pipelines.ts";
import { type Identity, checkToken } from "../gitlab/token.ts";
import type { MirrorClient } from "../mirror/client.ts";
import { SETTLE_MS, judge } from "../verify/judge.ts";
import { summarise } from "../verify/summary.ts";
import type { JobLog } from "../verify/verdict.ts";
import type { Verification } from "../verify/verification.ts";
import { type PipelineLogs, readJobs } from "./read-jobs.ts";
import { type Heard, hearMirror } from "./read-mirror.ts";

/** What proving needs from outside. */
export interface ProofPorts {
  readonly api: Api;
  readonly client: MirrorClient;
  readonly mirror: Mirror;
}

/** Which pipeline, in which project. */
export interface ProofPlace {
  readonly projectId: number;
  readonly pipeline: Pipeline;
  readonly ownJobId: number | null;
}

/**
 * Reads a pipeline's logs, asks the mirror about that time, and judges every image.
 *
 * Where a verdict turns on records that may not be written yet, the mirror is asked once more after a short wait.
 */
export async function provePipeline(ports: ProofPorts, place: ProofPlace): Promise<Verification> {
  const { projectId, pipeline, ownJobId } = place;
  const logs = await readJobs(ports.api, { projectId, pipelineId: pipeline.id, ownJobId });
  const heard = await hear(ports, logs.jobs);
  const images = judge(logs.jobs, heard.witness, ports.mirror);
  const { id, sha, webUrl: url } = pipeline;
  return {
    ...frame(ports, logs, heard),
    pipeline: { id, sha, url },
    images,
    summary: summarise(images),
  };
}

function frame({ mirror }: ProofPorts, { jobs, unread }: PipelineLogs, { witness }: Heard) {
  return { mirror, witness: witness.kind, jobs, unread };
}

/** Asks the mirror; waits first where the last job has only just ended. */
export async function hear(
  { api, client }: Pick<ProofPorts, "api" | "client">,
  jobs: readonly JobLog[],
): Promise<Heard> {
  const { clock } = api;
  const lastEndMs = Math.max(0, ...jobs.map(({ finishedAtMs }) => finishedAtMs ?? 0));
  const waitMs = lastEndMs + SETTLE_MS - clock.now();
  // A clock far behind GitLab's would ask for an endless wait.
  if (waitMs > 0) await clock.sleep(Math.min(waitMs, SETTLE_MS));
  return hearMirror(client, jobs, () => clock.now());
}

/**
 * Looks at the token; one that GitLab no longer takes is no wrong setting in a schedule that ran for a year: exit 1.
 *
 * @throws {@link BotError} with the sentence of {@link checkToken}
 */
export async function acceptToken(api: Api, need: "read" | "write"): Promise<Identity> {
  try {
    return await checkToken(api, need);
  } catch (error) {
    if (error instanceof ConfigError) throw new BotError(error.message, { cause: error });
    throw error;
  }
}
