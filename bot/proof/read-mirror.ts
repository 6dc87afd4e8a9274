import type { CatalogEntry } from "../../worker/contract/catalog.ts";
import type { PullRecord } from "../../worker/contract/pull-log.ts";
import { DOCKER_HUB, isDockerHub } from "../../worker/oci/reference.ts";
import { parseRepository } from "../../worker/oci/repository.ts";
import { BotError } from "../errors.ts";
import type { MirrorClient } from "../mirror/client.ts";
import { windowOf } from "../verify/join.ts";
import type { CatalogWitness, JobLog, LogWitness, Witness } from "../verify/verdict.ts";

/** Where the mirror's clock may stand when it sends no `Date`: as ours, give or take this much. */
const UNMEASURED_MS = 5000;
/** No more repositories than this are asked for their tags. */
const MAX_TAG_LISTS = 300;

/** What a mirror was heard to say, and its catalog as far as it has one. */
export interface Heard {
  readonly witness: Witness;
  readonly catalog: readonly CatalogEntry[] | null;
  readonly repositories: readonly string[];
}

/**
 * Asks a mirror about the time of the jobs: its pull log where it keeps one, else what it holds.
 *
 * @param nowMs - our clock
 * @throws {@link MirrorError} where it cannot be asked
 */
export async function hearMirror(
  client: MirrorClient,
  jobs: readonly JobLog[],
  nowMs: () => number,
): Promise<Heard> {
  const catalog = await client.catalog();
  if (catalog === null) return hearCatalog(client, jobs);
  const tags = new Map<string, string>();
  const tagsSeen = new Map<string, number>();
  for (const { upstream, repository, tags: list } of catalog) {
    if (!isDockerHub(upstream)) continue;
    for (const { tag, digest, lastSeenMs } of list) {
      tags.set(`${repository}:${tag}`, digest);
      if (lastSeenMs !== undefined) tagsSeen.set(`${repository}:${tag}`, lastSeenMs);
    }
  }
  const clock = {
    ...(client.skew ?? { skewMs: 0, uncertaintyMs: UNMEASURED_MS }),
    readAtMs: nowMs(),
  };
  const { records, completeSinceMs } = await readRecords(client, jobs, clock);
  const witness: LogWitness = { kind: "log", records, tags, tagsSeen, completeSinceMs, ...clock };
  const repositories = [...new Set(catalog.map(({ repository }) => repository))];
  return { witness, catalog, repositories };
}

/** The log of the jobs' times alone: a fleet's week has far more pulls than its last pipelines. */
async function readRecords(
  client: MirrorClient,
  jobs: readonly JobLog[],
  clock: Pick<LogWitness, "skewMs" | "uncertaintyMs" | "readAtMs">,
): Promise<Pick<LogWitness, "records" | "completeSinceMs">> {
  const records = new Map<string, PullRecord>();
  let completeSinceMs = 0;
  for (const { fromMs, toMs } of spans(jobs, clock)) {
    const page = await client.pulls({ since: Math.floor(fromMs), until: Math.ceil(toMs) + 1 });
    if (page === null) throw new BotError("the mirror has a catalog but no pull log");
    completeSinceMs = Math.max(completeSinceMs, page.completeSinceMs);
    for (const record of page.pulls) records.set(record.id, record);
  }
  return { records: [...records.values()], completeSinceMs };
}

/** The jobs' windows, those that overlap made one. */
function spans(
  jobs: readonly JobLog[],
  clock: Pick<LogWitness, "skewMs" | "uncertaintyMs" | "readAtMs">,
): { fromMs: number; toMs: number }[] {
  const windows = jobs
    .flatMap((job) => windowOf(job, clock) ?? [])
    .toSorted((a, b) => a.fromMs - b.fromMs);
  const merged: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of windows) {
    const last = merged.at(-1);
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else merged.push({ fromMs, toMs });
  }
  return merged;
}

async function hearCatalog(client: MirrorClient, jobs: readonly JobLog[]): Promise<Heard> {
  const repositories = await client.repositories();
  if (repositories === null)
    throw new BotError("the mirror has neither a pull log nor a catalog: nothing can be verified");
  const held = new Set(repositories);
  const tags = new Map<string, ReadonlySet<string>>();
  for (const name of wantedNames(jobs)) {
    const repository = held.has(name) ? parseRepository(name) : null;
    if (repository === null || tags.size >= MAX_TAG_LISTS) continue;
    const list = await client.tags(repository);
    if (list !== null) tags.set(name, new Set(list));
  }
  const witness: CatalogWitness = { kind: "catalog", repositories: held, tags };
  return { witness, catalog: null, repositories };
}

function wantedNames(jobs: readonly JobLog[]): Set<string> {
  const images = jobs.flatMap(({ trace }) => trace.images);
  const hub = images.filter(({ reference }) => reference.registry === DOCKER_HUB);
  return new Set(hub.map(({ reference }) => reference.repository));
}
