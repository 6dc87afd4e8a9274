import type { NoteKind } from "../trace/trace.ts";
import type { Verification } from "../verify/verification.ts";
import { atMost, folded } from "./table.ts";
import { jobLink, plural, spoken } from "./verdict-words.ts";

const MAX_LINES = 150;

/** What a note says about what could not be seen, after how often. */
const NOTE_WORDS: Readonly<Partial<Record<NoteKind, string>>> = {
  quiet: "told to print nothing; what it pulled is not in the log",
  unnamed: "pulled something whose name the log does not give in full",
  "mirror-failed": "a mirror was tried and failed, and the client went on to the next",
  "honor-entrypoint":
    "`FF_KUBERNETES_HONOR_ENTRYPOINT` is on, with which a service's `command` may be dropped, and the mirror's flag with it",
};

/** Renders what the logs say beside images, and what could not be seen, folded. */
export function renderBlindSpots({ jobs, unread }: Verification): string[] {
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
  const { rows: shown, more } = atMost(lines, MAX_LINES);
  const last = more === 0 ? [] : [`- and ${more} more`];
  return folded("What the logs also say, and what could not be seen", [...shown, ...last, ""]);
}
