import { mendFor } from "../verify/mend.ts";
import { withoutSecret } from "../files/mirror.ts";
import { familiarName } from "./verdict-words.ts";
import type { Verification } from "../verify/verification.ts";

/** The verdicts for machines. Fields are added, never changed; `version` counts what breaks. */
export function renderVerifyJson(view: Verification): string {
  const { pipeline, summary, witness, images, unread } = view;
  const mirror = withoutSecret(view.mirror);
  const json = {
    version: 1,
    mirror: mirror.url,
    evidence: witness === "log" ? "pull log" : "catalog",
    pipeline,
    state: summary.state,
    counts: summary.counts,
    images: images.map((one) => ({
      image: familiarName(one),
      written: one.image.written,
      digest: one.image.digest,
      layer: one.image.layer,
      tool: one.image.tool,
      verdict: one.verdict,
      reason: one.reason,
      job: { id: one.job.id, name: one.job.name, project: one.job.project, url: one.job.url },
      lines: one.image.evidence.map(({ line, anchor, text }) => ({ line, anchor, text })),
      bypass: one.image.bypass === null ? null : one.image.bypass.text,
      record:
        one.record === null
          ? null
          : { id: one.record.id, timeMs: one.record.timeMs, outcome: one.record.outcome },
      mend: mendFor(one, mirror)?.code ?? null,
    })),
    unread,
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}
