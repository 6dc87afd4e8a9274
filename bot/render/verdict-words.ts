import { DOCKER_HUB } from "../../worker/oci/reference.ts";
import type { Evidence } from "../trace/trace.ts";
import type { JobLog, JudgedImage, Reason, Verdict } from "../verify/verdict.ts";
import { code } from "./markdown.ts";

/** Each verdict in the words of a table's cell, and of a sentence's end after a number. */
export const VERDICT_WORDS: Readonly<Record<Verdict, { cell: string; count: string }>> = {
  cached: { cell: "served from cache", count: "served from cache" },
  first: { cell: "through the mirror, first time", count: "through the mirror for the first time" },
  stale: { cell: "stale: Docker Hub was away", count: "stale, while Docker Hub was away" },
  held: { cell: "held by the mirror", count: "held by the mirror" },
  bypassed: { cell: "**bypassed the mirror**", count: "bypassed the mirror" },
  local: { cell: "already there", count: "already there" },
  runner: { cell: "set on the runner, not here", count: "set on the runner" },
  failed: { cell: "the pull failed", count: "failed" },
  unknown: { cell: "unknown", count: "unknown" },
  "out-of-scope": { cell: "not Docker Hub's", count: "not Docker Hub's" },
};

/** What a verdict rests on, where no record or line says it. */
export const REASON_WORDS: Readonly<Record<Reason, string>> = {
  record: "the mirror's pull log",
  "docker-hub-asked": "Docker Hub itself was asked",
  "downloaded-without-record":
    "it was downloaded in this job, and the mirror gave no such image then",
  "not-in-catalog": "it was downloaded in this job, and the mirror does not hold it",
  "in-catalog": "its repository is in the mirror's catalog",
  "on-the-runner": "the daemon had it",
  "earlier-in-job": "pulled earlier in this job",
  "build-cache": "from the build cache",
  "no-record-of-runner": "the runner pulled it, not this job; no record of it",
  "record-shared": "fewer records than pulls: another job accounts for it, or they share a daemon",
  "asked-by-head":
    "no record, but the mirror was asked for the tag: a daemon that still has the manifest asks for layers alone",
  "log-begins-later": "the mirror's log begins after this job",
  "log-may-lag": "too recent: the mirror may not have written its log yet",
  "no-times": "the job has no start time",
  "other-mirror": "another mirror was asked",
  "no-transfer-seen":
    "no record, and the log does not say whether anything was downloaded: cached layers, perhaps",
  "pull-failed": "the log shows no success",
  "other-registry": "another registry's",
};

/** The order in which verdicts are worth reading. */
export const VERDICT_ORDER: readonly Verdict[] = [
  "bypassed",
  "failed",
  "unknown",
  "first",
  "stale",
  "cached",
  "held",
  "local",
  "runner",
  "out-of-scope",
];

/** Foreign text as a code span outside of tables, where a pipe needs no escape and would show it. */
export function spoken(text: string): string {
  return code(text).replaceAll("\\|", "|");
}

/** An image's name as people write it: no `docker.io/library/`, a lone digest cut short. */
export function familiarName({ image, repository }: JudgedImage): string {
  const { registry, repository: path, tag, digest } = image.reference;
  const host = registry === DOCKER_HUB || repository !== null ? "" : `${registry}/`;
  const name = `${host}${(repository ?? path).replace(/^library\//, host === "" ? "" : "library/")}`;
  if (tag !== null) return `${name}:${tag}`;
  return digest === null ? name : `${name}@${shortDigest(digest)}`;
}

/** The first twelve hex digits: enough for people to compare. */
export function shortDigest(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1).slice(0, 12);
}

/** A job's name outside of tables, leading to its log, at a line where one is given. */
export function jobLink(job: JobLog, evidence?: Evidence): string {
  return link(spoken(jobName(job)), jobUrl(job, evidence));
}

/** The same for a table's cell. */
export function jobCell(job: JobLog, evidence?: Evidence): string {
  return link(code(jobName(job)), jobUrl(job, evidence));
}

function jobName({ name, current }: JobLog): string {
  return current ? name : `${name} (retried)`;
}

function jobUrl({ url }: JobLog, evidence?: Evidence): string {
  return evidence === undefined ? url : `${url}#L${evidence.anchor}`;
}

/** The line that shows it best: the proof of a bypass, else the last word on the image. */
export function proofOf({ image }: JudgedImage): Evidence | undefined {
  return image.bypass ?? image.evidence.at(-1);
}

/** A link, where the address is one; its text alone otherwise. */
export function link(text: string, address: string): string {
  if (!/^https?:/.test(address) || !URL.canParse(address)) return text;
  const safe = new URL(address).href.replaceAll(
    /[()|<>`\\]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`,
  );
  return `[${text}](${safe})`;
}

/** Bytes as people read them, in powers of ten: `1.4 GB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ""}`;
}

/** `1 image`, `3 images`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}
