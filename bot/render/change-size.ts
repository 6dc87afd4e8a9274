import { diffLines } from "diff";

/** How many lines a reader has to look at: those that come new or changed. */
export function countLines(
  files: readonly { readonly before: string; readonly after: string }[],
): number {
  return files
    .flatMap(({ before, after }) => diffLines(before, after))
    .reduce((sum, part) => sum + (part.added ? part.count : 0), 0);
}
