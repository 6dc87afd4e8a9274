import type { PlannedFile } from "../plan/plan.ts";

/** How many lines a reader has to look at: those that come new or changed. */
export function countLines(files: readonly Pick<PlannedFile, "before" | "edits">[]): number {
  return files.reduce((sum, file) => sum + countFile(file), 0);
}

/** Counted from the splices: a diff of a file with thousands of edits takes seconds. */
function countFile({ before, edits }: Pick<PlannedFile, "before" | "edits">): number {
  const touched = new Set<number>();
  let added = 0;
  for (const { start, end, text } of edits.flatMap(({ splices }) => splices)) {
    added += text.split("\n").length - 1;
    // Whole lines put between two others change neither.
    const isBetween = start === end && (/^\r?\n/.test(text) || text.endsWith("\n"));
    if (!isBetween) touched.add(before.lastIndexOf("\n", start - 1));
  }
  return added + touched.size;
}
