import type { PullRecord } from "../../../worker/contract/pull-log.ts";
import { parseDigest } from "../../../worker/oci/digest.ts";
import { parseRepository } from "../../../worker/oci/repository.ts";
import { parseTag } from "../../../worker/oci/tag.ts";
import { parseMirror } from "../../../bot/files/mirror.ts";
import type { JobLog, JudgedImage, LogWitness } from "../../../bot/verify/verdict.ts";
import { digest, read } from "../trace/read.ts";

export const MIRROR = must(parseMirror("https://mirror.example.dev"));

/** When the jobs of these tests start, by GitLab's clock. */
export const START = Date.parse("2026-11-20T10:00:00Z");
const MINUTE = 60_000;

export function must<Value>(value: Value | null | undefined): Value {
  if (value === null || value === undefined) throw new Error("a fixture is malformed");
  return value;
}

let ids = 0;

/** A job of two minutes with this log. */
export function job(log: string, changes: Partial<JobLog> = {}): JobLog {
  ids += 1;
  return {
    id: ids,
    name: "build",
    project: "team/app",
    url: `https://gitlab.example.com/team/app/-/jobs/${ids}`,
    current: true,
    startedAtMs: START,
    finishedAtMs: START + 2 * MINUTE,
    trace: read(log),
    ...changes,
  };
}

/** A pull in the middle of the job's time, a hit unless told otherwise. */
export function record(name: string, hex: string, changes: Partial<PullRecord> = {}): PullRecord {
  const [path = "", tag] = name.split(":");
  ids += 1;
  return {
    id: String(ids).padStart(6, "0"),
    timeMs: START + MINUTE,
    upstream: "docker.io",
    repository: must(parseRepository(path)),
    tag: tag === undefined ? null : must(parseTag(tag)),
    digest: must(parseDigest(digest(hex))),
    mediaType: "application/vnd.oci.image.index.v1+json",
    outcome: "hit",
    counted: false,
    client: { address: "203.0.113.7", userAgent: "docker/28.1.0" },
    blobs: { hits: 3, misses: 0, bytes: 3_400_000 },
    ...changes,
  };
}

/** A mirror that remembers these pulls, read an hour after the jobs. */
export function witness(
  records: readonly PullRecord[],
  changes: Partial<LogWitness> = {},
): LogWitness {
  return {
    kind: "log",
    records,
    tags: new Map(),
    tagsSeen: new Map(),
    skewMs: 0,
    uncertaintyMs: 500,
    completeSinceMs: 0,
    readAtMs: START + 60 * MINUTE,
    ...changes,
  };
}

/** The log of one `docker pull`. */
export function pulled(name: string, hex: string): string {
  const [path = "", tag = "latest"] = name.split(":");
  return [
    `$ docker pull ${name}`,
    `${tag}: Pulling from ${path.includes("/") ? path : `library/${path}`}`,
    `Digest: ${digest(hex)}`,
    `Status: Downloaded newer image for ${name}`,
  ].join("\n");
}

/** One line for each image: name, verdict, reason. */
export function verdicts(images: readonly JudgedImage[]): string[] {
  return images.map(({ image, verdict, reason }) => `${image.written} ${verdict} ${reason}`);
}

/** A catalog in which a tag points at a digest, and was asked for last at a time. */
export function told(hex: string, seenMs: number) {
  return {
    tags: new Map([["library/alpine:3", digest(hex)]]),
    tagsSeen: new Map([["library/alpine:3", seenMs]]),
  };
}
