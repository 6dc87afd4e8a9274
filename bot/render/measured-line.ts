import type { Verification } from "../verify/verification.ts";
import { code } from "./markdown.ts";
import { link } from "./verdict-words.ts";
import { headline } from "./verify-comment.ts";

const MEASURED = "<!-- tidepool measured -->";

/**
 * Puts the measured verdict into a merge request's description, as one line of its own below the rest.
 *
 * It stands outside of the section that onboarding rewrites, so that neither undoes the other's work.
 */
export function measure(description: string, view: Verification): string {
  const { pipeline } = view;
  const line = `${MEASURED}**Measured** in pipeline ${link(`#${pipeline.id}`, pipeline.url)} of ${code(pipeline.sha.slice(0, 12))}: ${headline(view)}.`;
  const lines = description.split(/\r?\n/);
  const at = lines.findIndex((one) => one.startsWith(MEASURED));
  if (at >= 0) return lines.with(at, line).join("\n");
  return `${description.trimEnd()}\n\n${line}`;
}
