import { withoutSecret } from "../files/mirror.ts";
import { type Mend, mendFor } from "../verify/mend.ts";
import type { Summary } from "../verify/summary.ts";
import type { JudgedImage } from "../verify/verdict.ts";
import type { Verification } from "../verify/verification.ts";
import { code } from "./markdown.ts";
import { atMost } from "./table.ts";
import {
  REASON_WORDS,
  VERDICT_ORDER,
  VERDICT_WORDS,
  familiarName,
  jobLink,
  link,
  plural,
  proofOf,
  spoken,
} from "./verdict-words.ts";
import { renderBlindSpots } from "./verify-blind-spots.ts";
import { renderEvidence } from "./verify-evidence.ts";
import { formatVerifyMarker } from "./verify-marker.ts";

const MAX_QUOTES = 8;
const MAX_JOBS = 5;

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
    ...renderEvidence(view),
    ...renderBlindSpots(view),
    marker,
  ].join("\n");
}

/** Says in one line what a pipeline comes to, without Markdown: for the short note, the status and the terminal too. */
export function headline({ summary }: Pick<Verification, "summary">): string {
  const { state, counts, judged, through } = summary;
  const all = plural(judged, "Docker Hub image");
  switch (state) {
    case "proven":
      if (through < judged)
        return `${through} of ${all} came through the mirror; the rest could not be verified`;
      return judged === 1
        ? "The one Docker Hub image came through the mirror"
        : `All ${all} came through the mirror`;
    case "held":
      return `The mirror holds ${counts.held} of ${all} of this pipeline`;
    case "bypassed":
      return `${counts.bypassed} of ${all} bypassed the mirror`;
    case "unclear":
      return `${all} could not be verified`;
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

/** One line for each image and reason, with the jobs it happened in and the first proof. */
function quotes(images: readonly JudgedImage[]): string[] {
  const groups = [...Map.groupBy(images, (one) => `${familiarName(one)} ${one.reason}`).values()];
  const { rows, more } = atMost(groups, MAX_QUOTES);
  const lines = rows.flatMap((group) => {
    const [one] = group;
    if (one === undefined) return [];
    const proof = proofOf(one);
    const said = `- ${spoken(familiarName(one))} in ${jobLinks(group)}: ${REASON_WORDS[one.reason]}`;
    return proof === undefined ? [said] : [said, `  > ${spoken(proof.text)}`];
  });
  if (more > 0) lines.push(`- and ${more} more, below`);
  return [...lines, ""];
}

function jobLinks(images: readonly JudgedImage[]): string {
  const { rows, more } = atMost(images, MAX_JOBS);
  const links = rows.map((one) => jobLink(one.job, proofOf(one)));
  return `${links.join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
}
