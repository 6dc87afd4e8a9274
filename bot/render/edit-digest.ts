import { createHash } from "node:crypto";
import type { Plan } from "../plan/plan.ts";

/**
 * Names what a plan does, apart from where in a file it does it.
 *
 * Lines that move change nothing here; another service, another job or another mirror does. So a closed merge
 * request is remembered for what it offered, and an open one is refreshed when it no longer offers all.
 */
export function digestEdits(plan: Plan): string {
  const edits = plan.files.map(({ path, edits }) => [path, edits.map(({ changes }) => changes)]);
  return sha256(JSON.stringify(edits));
}

/** Names the content of files, by path. */
export function digestFiles(
  files: readonly { readonly path: string; readonly text: string }[],
): string {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return sha256(JSON.stringify(sorted.map(({ path, text }) => [path, sha256(text)])));
}

function sha256(text: string): string {
  return `sha256:${createHash("sha256").update(text, "utf8").digest("hex")}`;
}
