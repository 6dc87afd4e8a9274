import { isDeepStrictEqual } from "node:util";

import type { DataChange, Edit, Splice } from "./types.ts";

/**
 * Puts splices into a source; everything outside them stays as it is.
 *
 * @returns `null` where two of them overlap, since neither could then be trusted
 */
function applySplices(source: string, splices: readonly Splice[]): string | null {
  const parts: string[] = [];
  let at = 0;
  for (const splice of splices.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (splice.start < at || splice.end < splice.start || splice.end > source.length) return null;
    parts.push(source.slice(at, splice.start), splice.text);
    at = splice.end;
  }
  parts.push(source.slice(at));
  return parts.join("");
}

/** Puts all edits of a file into its source; `null` as in {@link applySplices}. */
export function applyEdits(source: string, edits: readonly Edit[]): string | null {
  return applySplices(
    source,
    edits.flatMap((edit) => edit.splices),
  );
}

/**
 * Checks an edited source by comparing both as data: they may differ by the changes of the edits alone.
 *
 * This is what catches a splice that is right as text and wrong as YAML.
 *
 * @param before - the data of the source; changed on the way
 */
export function verifyEdits(before: unknown, after: unknown, edits: readonly Edit[]): boolean {
  if (before === null || after === null) return false;
  // Backwards, so that an insertion never moves the index that an earlier change names.
  const ordered = edits.toSorted((a, b) => firstOffset(b) - firstOffset(a));
  const root = { data: before };
  for (const edit of ordered) {
    for (const change of edit.changes.toReversed()) {
      if (!applyChange(root, change)) return false;
    }
  }
  return isDeepStrictEqual(root.data, after);
}

function firstOffset(edit: Edit): number {
  return Math.min(...edit.splices.map((splice) => splice.start));
}

function applyChange(root: { data: unknown }, change: DataChange): boolean {
  const path = ["data", ...change.path];
  const last = path.pop();
  let parent: unknown = root;
  for (const step of path) parent = (parent as Record<string | number, unknown> | null)?.[step];
  if (typeof parent !== "object" || parent === null || last === undefined) return false;
  if (Array.isArray(parent) && typeof last === "number") {
    if (change.op === "replace") parent[last] = change.value;
    else if (change.op === "add") parent.splice(last, 0, change.value);
    else parent.splice(last, 1);
    return true;
  }
  const record = parent as Record<string | number, unknown>;
  if (change.op === "remove") delete record[last];
  else record[last] = change.value;
  return true;
}
