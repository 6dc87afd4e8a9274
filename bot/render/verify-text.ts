import type { Verification } from "../verify/verification.ts";
import { visible } from "./markdown.ts";
import {
  REASON_WORDS,
  VERDICT_ORDER,
  VERDICT_WORDS,
  familiarName,
  proofOf,
} from "./verdict-words.ts";
import { headline } from "./verify-comment.ts";

/**
 * Renders the verdicts for a terminal or a job's log: one line for each image, the worst first.
 *
 * Lines of other logs are pointed at, not quoted: this text ends up in a job's log too, and is read there again.
 */
export function renderVerifyText(view: Verification): string {
  const sorted = view.images.toSorted(
    (a, b) => VERDICT_ORDER.indexOf(a.verdict) - VERDICT_ORDER.indexOf(b.verdict),
  );
  const lines = sorted.flatMap((one) => {
    const verdict = VERDICT_WORDS[one.verdict].count;
    const line = `  ${familiarName(one)}  ${verdict} (${visible(one.job.name)}: ${REASON_WORDS[one.reason]})`;
    const proof = one.verdict === "bypassed" ? proofOf(one) : undefined;
    return proof === undefined ? [line] : [line, `    ${visible(one.job.url)}#L${proof.anchor}`];
  });
  const weaker =
    view.witness === "log"
      ? []
      : [
          "The mirror has no pull log, only a catalog: that it holds an image does not prove this pipeline.",
        ];
  const unread = view.unread.map(({ name, why }) => `  ${visible(name)}: ${why}`);
  return `${[`${headline(view)}.`, ...weaker, ...lines, ...unread].join("\n")}\n`;
}
