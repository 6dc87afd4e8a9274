import type { Mirror } from "../files/mirror.ts";
import type { NoteKind } from "../trace/trace.ts";
import { type Mend, mendFor } from "../verify/mend.ts";
import type { Summary } from "../verify/summary.ts";
import type { JobLog, JudgedImage, Witness } from "../verify/verdict.ts";
import { code } from "./markdown.ts";
import { atMost, folded, table } from "./table.ts";
import {
  REASON_WORDS,
  VERDICT_ORDER,
  VERDICT_WORDS,
  familiarName,
  formatBytes,
  jobLink,
  link,
  plural,
  shortDigest,
  spoken,
  withoutSecret,
} from "./verdict-words.ts";
import { formatVerifyMarker } from "./verify-marker.ts";

/** What a comment is rendered from. */
export interface Verification {
  readonly mirror: Mirror;
  readonly witness: Witness["kind"];
  readonly pipeline: { readonly id: number; readonly url: string; readonly sha: string };
  readonly images: readonly JudgedImage[];
  readonly summary: Summary;
  readonly jobs: readonly JobLog[];
  /** Jobs whose logs could not be read, and why, in our words. */
  readonly unread: readonly { readonly name: string; readonly why: string }[];
}

/** GitLab takes a million characters; people take fewer. */
const MAX_ROWS = 150;
const MAX_QUOTES = 10;

/**
 * Renders the merge request's comment: the verdict first, what to mend next, the evidence folded.
 *
 * The same evidence gives the same text, so that a rerun edits nothing.
 */
export function renderVerifyComment(view: Verification): string {
  const { pipeline, summary } = view;
  const marker = formatVerifyMarker({ v: 1, state: summary.state, pipeline: pipeline.id });
  return [
    `### ${headline(view)}`,
    "",
    `${counts(summary)} Pipeline ${link(`#${pipeline.id}`, pipeline.url)} of ${code(pipeline.sha.slice(0, 12))}.`,
    "",
    ...weakness(view),
    ...toMend(view),
    ...evidence(view),
    ...blindSpots(view),
    marker,
  ].join("\n");
}

/** Says in one line what a pipeline comes to, without Markdown: for the short note, the status and the terminal too. */
export function headline({ summary }: Pick<Verification, "summary">): string {
  const { state, counts, judged, through } = summary;
  switch (state) {
    case "proven":
      return judged === through
        ? `Docker Hub's images came through the mirror: ${through} of ${judged}`
        : `${through} of ${plural(judged, "Docker Hub image")} proven to have come through the mirror`;
    case "held":
      return `The mirror holds ${counts.held} of ${plural(judged, "Docker Hub image")} of this pipeline`;
    case "bypassed":
      return `${counts.bypassed} of ${plural(judged, "Docker Hub image")} went round the mirror`;
    case "unclear":
      return `Nothing is proven about ${plural(judged, "Docker Hub image")}`;
    case "nothing":
      return "No job of this pipeline pulled from Docker Hub by itself";
    default:
      return state satisfies never;
  }
}

/** The short note for when the verdict flips; the comment itself is edited, of which GitLab sends no mail. */
export function renderFlip(view: Verification, commentUrl: string): string {
  return `Tidepool: ${headline(view)}. ${link("What it rests on", commentUrl)}.`;
}

function counts(summary: Summary): string {
  const parts = VERDICT_ORDER.filter((verdict) => summary.counts[verdict] > 0).map(
    (verdict) => `${summary.counts[verdict]} ${VERDICT_WORDS[verdict].count}`,
  );
  return parts.length === 0 ? "No image was seen in the logs." : `${parts.join(", ")}.`;
}

function weakness({ witness, mirror }: Verification): string[] {
  if (witness === "log") return [];
  return [
    `The mirror at ${code(withoutSecret(mirror).url)} has no pull log, only a catalog: **this shows less**. That it holds an image means that somebody pulled it through the mirror once; whether this job did, and whether from cache, it cannot tell.`,
    "",
  ];
}

function toMend(view: Verification): string[] {
  const bypassed = view.images.filter(({ verdict }) => verdict === "bypassed");
  const mirror = withoutSecret(view.mirror);
  const groups = new Map<string, { mend: Mend; images: JudgedImage[] }>();
  for (const image of bypassed) {
    const mend = mendFor(image, mirror);
    if (mend === null) continue;
    const key = `${mend.where}${mend.code}`;
    const group = groups.get(key) ?? { mend, images: [] };
    group.images.push(image);
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ mend, images }) => [
    ...quotes(images),
    mend.where,
    "",
    `\`\`\`${mend.language}`,
    mend.code,
    "```",
    "",
  ]);
}

function quotes(images: readonly JudgedImage[]): string[] {
  const { rows, more } = atMost(images, MAX_QUOTES);
  const lines = rows.flatMap((one) => {
    const proof = one.image.bypass ?? one.image.evidence.at(-1);
    const said = `- ${spoken(familiarName(one))} in ${jobLink(one.job, proof)}: ${REASON_WORDS[one.reason]}`;
    return proof === undefined ? [said] : [said, `  > ${spoken(proof.text)}`];
  });
  if (more > 0) lines.push(`- and ${more} more, below`);
  return [...lines, ""];
}

function evidence({ images }: Verification): string[] {
  const sorted = images.toSorted(
    (a, b) => VERDICT_ORDER.indexOf(a.verdict) - VERDICT_ORDER.indexOf(b.verdict),
  );
  const hub = sorted.filter(({ verdict }) => verdict !== "out-of-scope");
  const inJobs = hub.filter(({ image }) => image.layer === "job");
  const byRunner = hub.filter(({ image }) => image.layer === "runner");
  return [
    ...folded(`${plural(inJobs.length, "image")} pulled inside jobs`, rows(inJobs)),
    ...folded(`${plural(byRunner.length, "image")} pulled by the runner, not by this repository`, [
      ...rows(byRunner),
      ...(byRunner.length === 0
        ? []
        : [
            "The runner pulls `image:` and services with its own host's daemon: `registry-mirrors` in that host's `/etc/docker/daemon.json` would send them through the mirror. Nothing in this repository can.",
            "",
          ]),
    ]),
    ...otherRegistries(sorted.filter(({ verdict }) => verdict === "out-of-scope")),
  ];
}

function rows(images: readonly JudgedImage[]): string[] {
  const { rows: shown, more } = atMost(images, MAX_ROWS);
  const cells = shown.map((one) => [
    code(familiarName(one)),
    jobLink(one.job, one.image.evidence.at(-1)),
    VERDICT_WORDS[one.verdict].cell,
    one.image.digest === null ? "" : code(shortDigest(one.image.digest)),
    ground(one),
  ]);
  if (more > 0) cells.push([`and ${more} more`, "", "", "", ""]);
  return table(["image", "job", "verdict", "digest", "what it rests on"], cells);
}

function ground({ record, reason }: JudgedImage): string {
  if (record === null) return REASON_WORDS[reason];
  const time = new Date(record.timeMs).toISOString().slice(0, 19).replace("T", " ");
  const { hits, misses, bytes } = record.blobs;
  const blobs =
    hits + misses === 0 ? "" : `, ${hits} of ${plural(hits + misses, "blob")} from cache`;
  const size = bytes === 0 ? "" : `, ${formatBytes(bytes)}`;
  return `${record.outcome} at ${time} UTC${blobs}${size}, for ${code(product(record.client.userAgent))}`;
}

/** `docker/28.1.0`, without the rest of what daemons say of themselves. */
function product(userAgent: string): string {
  const first = userAgent.split(" ", 1)[0] ?? "";
  return first === "" ? "a client without a name" : first;
}

function otherRegistries(images: readonly JudgedImage[]): string[] {
  const names = [...new Set(images.map((one) => spoken(familiarName(one))))];
  const { rows: shown, more } = atMost(names, 30);
  const rest = more === 0 ? "" : ` and ${more} more`;
  const text = `${shown.join(", ")}${rest}. A mirror of Docker Hub has no part in these.`;
  return folded(
    `${plural(names.length, "image")} of other registries`,
    names.length === 0 ? [] : [text, ""],
  );
}

/** What a note says about what could not be seen, after how often. */
const NOTE_WORDS: Readonly<Partial<Record<NoteKind, string>>> = {
  quiet: "told to print nothing; what it pulled is not in the log",
  unnamed: "pulled something whose name the log does not give in full",
  "mirror-failed": "a mirror was tried and failed, and the client went on to the next",
  "honor-entrypoint":
    "`FF_KUBERNETES_HONOR_ENTRYPOINT` is on, with which a service's `command` may be dropped, and the mirror's flag with it",
};

function blindSpots({ jobs, unread }: Verification): string[] {
  const lines: string[] = [];
  for (const { name, why } of unread) lines.push(`- ${spoken(name)}: ${why}`);
  for (const job of jobs) {
    const { rateLimits, notes, truncated } = job.trace;
    const refusal = rateLimits.evidence[0];
    if (refusal !== undefined)
      lines.push(
        `- ${jobLink(job, refusal)}: Docker Hub's pull limit was reached, ${plural(rateLimits.count, "line")} say so`,
        `  > ${spoken(refusal.text)}`,
      );
    for (const { kind, evidence: line } of notes) {
      const words = NOTE_WORDS[kind];
      if (words !== undefined)
        lines.push(`- ${jobLink(job, line)}: ${words}`, `  > ${spoken(line.text)}`);
    }
    if (truncated) lines.push(`- ${jobLink(job)}: names more images than are read`);
  }
  if (lines.length === 0) return [];
  const { rows: shown, more } = atMost(lines, MAX_ROWS);
  const last = more === 0 ? [] : [`- and ${more} more`];
  return folded("What the logs also say, and what could not be seen", [...shown, ...last, ""]);
}
