import type { PullRecord } from "../../worker/contract/pull-log.ts";
import { isDockerHub } from "../../worker/oci/reference.ts";
import type { RepositoryName } from "../../worker/oci/repository.ts";
import type { TraceImage } from "../trace/trace.ts";
import type { JobLog, LogWitness } from "./verdict.ts";

/** GitLab's, the runner's and the mirror's clocks need not agree better than this. */
const WINDOW_MS = 60_000;

/** An image that a mirror could have served, with the job it was wanted in. */
export interface Wanted {
  readonly job: JobLog;
  readonly image: TraceImage;
  readonly repository: RepositoryName;
}

/** Which record stands for which image, and what had records that all stand for others. */
export interface Joined {
  readonly records: ReadonlyMap<Wanted, PullRecord>;
  readonly contested: ReadonlySet<Wanted>;
}

/** Where a job stands in the mirror's time, both ends included; `null` where the job has no start. */
export function windowOf(
  job: JobLog,
  clock: Pick<LogWitness, "skewMs" | "uncertaintyMs" | "readAtMs">,
): { readonly fromMs: number; readonly toMs: number } | null {
  if (job.startedAtMs === null) return null;
  const slack = WINDOW_MS + clock.uncertaintyMs;
  return {
    fromMs: job.startedAtMs + clock.skewMs - slack,
    toMs: (job.finishedAtMs ?? clock.readAtMs) + clock.skewMs + slack,
  };
}

/**
 * Gives each image the record of its own pull: each record stands for one image at most, so that two jobs cannot both
 * be proven by one pull.
 *
 * Where the log has times, the nearest record wins. Where it has none, the least favourable one does: another team's
 * hit at the same time must not hide our miss. What was pulled inside jobs comes before what the runner pulled.
 */
export function join(wanted: readonly Wanted[], witness: LogWitness): Joined {
  const candidates = findCandidates(wanted, witness);
  const records = new Map<Wanted, PullRecord>();
  const taken = new Set<PullRecord>();
  for (const layer of ["job", "runner"] as const) {
    const mine = [...candidates].filter(([{ image }]) => image.layer === layer);
    for (const { one, record } of order(mine, witness.skewMs)) {
      if (taken.has(record) || records.has(one)) continue;
      taken.add(record);
      records.set(one, record);
    }
  }
  const contested = [...candidates.keys()].filter((one) => !records.has(one));
  return { records, contested: new Set(contested) };
}

function findCandidates(
  wanted: readonly Wanted[],
  witness: LogWitness,
): Map<Wanted, readonly PullRecord[]> {
  const byRepository = Map.groupBy(
    witness.records.filter(({ upstream }) => isDockerHub(upstream)),
    ({ repository }) => repository,
  );
  const found = new Map<Wanted, readonly PullRecord[]>();
  for (const one of wanted) {
    const window = windowOf(one.job, witness);
    if (window === null) continue;
    const records = (byRepository.get(one.repository) ?? []).filter(
      (record) =>
        record.timeMs >= window.fromMs &&
        record.timeMs <= window.toMs &&
        isSameImage(one, record, witness.tags),
    );
    if (records.length > 0) found.set(one, records);
  }
  return found;
}

/** By digest where the log tells one; else by tag, or by the digest that the mirror's catalog has for the tag. */
function isSameImage(
  { image, repository }: Wanted,
  record: PullRecord,
  tags: ReadonlyMap<string, string>,
): boolean {
  if (image.digest !== null) return record.digest === image.digest;
  const { tag } = image.reference;
  if (tag === null) return false;
  return record.tag === tag || record.digest === tags.get(`${repository}:${tag}`);
}

interface Pair {
  readonly one: Wanted;
  readonly record: PullRecord;
  readonly timed: boolean;
  readonly rank: number;
  /** How many records the image could have. */
  readonly choices: number;
}

const HARM = { miss: 0, stale: 1, revalidated: 2, hit: 3 } as const;

/** Certain pairs first: those with times by nearness, then those without, the images with the least choice first. */
function order(
  candidates: readonly (readonly [Wanted, readonly PullRecord[]])[],
  skewMs: number,
): Pair[] {
  const pairs: Pair[] = [];
  for (const [one, records] of candidates) {
    const times = one.image.evidence.flatMap(({ atMs }) => (atMs === null ? [] : [atMs + skewMs]));
    for (const record of records) {
      const timed = times.length > 0;
      const rank = timed
        ? Math.min(...times.map((at) => Math.abs(record.timeMs - at)))
        : HARM[record.outcome];
      pairs.push({ one, record, timed, rank, choices: records.length });
    }
  }
  return pairs.toSorted((a, b) => {
    if (a.timed !== b.timed) return a.timed ? -1 : 1;
    if (!a.timed && a.choices !== b.choices) return a.choices - b.choices;
    return a.rank - b.rank;
  });
}
