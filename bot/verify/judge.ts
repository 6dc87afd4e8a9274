import type { PullRecord } from "../../worker/contract/pull-log.ts";
import { DOCKER_HUB } from "../../worker/oci/reference.ts";
import {
  type RepositoryName,
  canonicalDockerHubName,
  parseRepository,
} from "../../worker/oci/repository.ts";
import { type Mirror, isSameMirror } from "../files/mirror.ts";
import type { TraceImage } from "../trace/trace.ts";
import { type Joined, type Wanted, join, windowOf } from "./join.ts";
import type {
  CatalogWitness,
  JobLog,
  JudgedImage,
  LogWitness,
  Reason,
  Verdict,
  Witness,
} from "./verdict.ts";

/** The mirror writes its log in batches, after the answer: what is younger may not stand in it yet. */
export const SETTLE_MS = 15_000;

type Judgement = readonly [verdict: Verdict, reason: Reason, record?: PullRecord];

const OUTCOME = { hit: "cached", revalidated: "cached", stale: "stale", miss: "first" } as const;

/**
 * Says of every image in the jobs' logs how it came, and what that rests on.
 *
 * Never `cached`, `first` or `stale` without a record of the mirror's that stands for this image and no other.
 */
export function judge(jobs: readonly JobLog[], witness: Witness, mirror: Mirror): JudgedImage[] {
  const all = jobs.flatMap((job) => job.trace.images.map((image) => ({ job, image })));
  const wanted = new Map<TraceImage, Wanted>();
  for (const { job, image } of all) {
    const repository = hubRepository(image, mirror);
    if (repository !== null) wanted.set(image, { job, image, repository });
  }
  // What was had already, or had of Docker Hub itself, is not what any record tells of.
  const pulled = [...wanted.values()].filter(({ image }) => isPull(image));
  const joined = witness.kind === "log" ? join(pulled, witness) : null;
  const judged = [...wanted.values()].map((one) => {
    const judgement =
      joined === null || witness.kind === "catalog"
        ? byCatalog(one, witness as CatalogWitness)
        : byLog(one, joined, { witness, mirror });
    return [one.image, judgement] as const;
  });
  const judgements = new Map(judged);
  return all.map(({ job, image }) => {
    const repository = wanted.get(image)?.repository ?? null;
    const first = judgements.get(image) ?? (["out-of-scope", "other-registry"] as const);
    const [verdict, reason, record = null] = soften({ job, image }, first);
    return { job, image, repository, verdict, reason, record };
  });
}

/** Docker Hub's name of an image, written plainly or with the mirror's own host in front; `null` for other registries. */
function hubRepository({ reference }: TraceImage, mirror: Mirror): RepositoryName | null {
  if (reference.registry === DOCKER_HUB) return reference.repository;
  if (reference.registry !== new URL(mirror.url).host) return null;
  const name = parseRepository(reference.repository.replace(/^t\/[a-z0-9]+\//, ""));
  return name === null ? null : canonicalDockerHubName(name);
}

function isPull({ transfer, bypass }: TraceImage): boolean {
  return transfer !== "local" && transfer !== "failed" && bypass === null;
}

/** What holds whoever the witness is. */
function byTrace({ image }: Wanted): Judgement | null {
  if (image.bypass !== null) return ["bypassed", "docker-hub-asked"];
  if (image.transfer === "failed") return ["failed", "pull-failed"];
  if (image.transfer === "local") return ["local", "on-the-runner"];
  return null;
}

function byLog(
  one: Wanted,
  joined: Joined,
  { witness, mirror }: { readonly witness: LogWitness; readonly mirror: Mirror },
): Judgement {
  const told = byTrace(one);
  if (told !== null) return told;
  const record = joined.records.get(one);
  if (record !== undefined) return [OUTCOME[record.outcome], "record", record];
  const { image, job } = one;
  if (image.layer === "runner") return ["runner", "no-record-of-runner"];
  if (joined.contested.has(one)) return ["unknown", "record-shared"];
  if (job.startedAtMs === null) return ["unknown", "no-times"];
  if (witness.completeSinceMs > job.startedAtMs + witness.skewMs)
    return ["unknown", "log-begins-later"];
  if (witness.readAtMs - (job.finishedAtMs ?? witness.readAtMs) < SETTLE_MS)
    return ["unknown", "log-may-lag"];
  if (image.via !== null && !isSameMirror(image.via, mirror)) return ["bypassed", "other-mirror"];
  if (image.transfer === "downloaded")
    return wasAskedByHead(one, witness)
      ? ["unknown", "asked-by-head"]
      : ["bypassed", "downloaded-without-record"];
  return image.transfer === "cached" ? ["local", "build-cache"] : ["unknown", "no-transfer-seen"];
}

/**
 * Whether the mirror was asked, in the job's time or since, for what this very tag is. A dockerd that has the manifest
 * still, as after `docker rmi`, asks for the tag by HEAD and for layers, and no pull is logged (seen from 20.10).
 */
function wasAskedByHead({ image, job, repository }: Wanted, witness: LogWitness): boolean {
  const { tag } = image.reference;
  const name = `${repository}:${tag ?? ""}`;
  const seenMs = witness.tagsSeen.get(name);
  const window = windowOf(job, witness);
  if (tag === null || seenMs === undefined || window === null || seenMs < window.fromMs)
    return false;
  return image.digest === null || image.digest === witness.tags.get(name);
}

function byCatalog(one: Wanted, witness: CatalogWitness): Judgement {
  const told = byTrace(one);
  if (told !== null) return told;
  const { image, repository } = one;
  const { tag } = image.reference;
  const tags = witness.tags.get(repository);
  const isHeld = witness.repositories.has(repository) && (tag === null || tags?.has(tag) !== false);
  if (isHeld) return ["held", "in-catalog"];
  if (image.layer === "runner") return ["runner", "no-record-of-runner"];
  if (image.transfer === "downloaded") return ["bypassed", "not-in-catalog"];
  return image.transfer === "cached" ? ["local", "build-cache"] : ["unknown", "no-transfer-seen"];
}

/** An image that was had earlier in the same job is used again without a pull: no record of that is to be expected. */
function soften({ job, image }: Pick<JudgedImage, "job" | "image">, first: Judgement): Judgement {
  const [verdict, reason] = first;
  const isOpen = verdict === "unknown" && image.transfer !== "downloaded";
  if (!isOpen || (reason !== "record-shared" && reason !== "no-transfer-seen")) return first;
  const earlier = job.trace.images.some(
    (other) =>
      other !== image &&
      other.layer === "job" &&
      (other.transfer === "downloaded" || other.transfer === "asked") &&
      other.reference.registry === image.reference.registry &&
      other.reference.repository === image.reference.repository &&
      (other.reference.tag === image.reference.tag ||
        (other.digest !== null && other.digest === image.digest)),
  );
  return earlier ? ["local", "earlier-in-job"] : first;
}
