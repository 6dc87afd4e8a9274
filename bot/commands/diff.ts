import { styleText } from "node:util";

import { structuredPatch } from "diff";

import type { PlannedFile } from "../plan/plan.ts";

/** Colours of a diff's lines; without colours the text alone, which `git apply` takes. */
export interface DiffColours {
  added(text: string): string;
  removed(text: string): string;
  head(text: string): string;
}

/** The colours of a terminal where they are welcome, else none. */
export function chooseColours(isWelcome: boolean): DiffColours {
  if (!isWelcome) return { added: String, removed: String, head: String };
  return {
    added: (text) => styleText("green", text, { validateStream: false }),
    removed: (text) => styleText("red", text, { validateStream: false }),
    head: (text) => styleText("bold", text, { validateStream: false }),
  };
}

/** A file with its content before and after. */
type Change = Pick<PlannedFile, "path" | "before" | "after">;

/** Formats a planned file as git does, so that `git apply` takes it. */
export function formatDiff({ path, before, after }: Change, colours: DiffColours): string {
  const [from, to] = [quotePath(`a/${path}`), quotePath(`b/${path}`)];
  const { hunks } = structuredPatch(path, path, before, after, "", "", { context: 3 });
  const lines = [`diff --git ${from} ${to}`, `--- ${from}`, `+++ ${to}`].map((line) =>
    colours.head(line),
  );
  for (const hunk of hunks) {
    const range = `@@ -${count(hunk.oldStart, hunk.oldLines)} +${count(hunk.newStart, hunk.newLines)} @@`;
    lines.push(colours.head(range));
    for (const line of hunk.lines) lines.push(colour(line, colours));
  }
  return `${lines.join("\n")}\n`;
}

function colour(line: string, colours: DiffColours): string {
  if (line.startsWith("+")) return colours.added(line);
  return line.startsWith("-") ? colours.removed(line) : line;
}

function count(start: number, lines: number): string {
  return lines === 1 ? `${start}` : `${start},${lines}`;
}

/** Quotes a path as git does where it holds what would end it, or bytes beyond ASCII. */
function quotePath(path: string): string {
  if (!/[^\x20-\x7e]|["\\]/.test(path)) return path.includes(" ") ? `${path}\t` : path;
  const bytes = [...new TextEncoder().encode(path)].map((byte) => {
    const char = String.fromCharCode(byte);
    if (char === '"' || char === "\\") return `\\${char}`;
    return byte < 0x20 || byte > 0x7e ? `\\${byte.toString(8).padStart(3, "0")}` : char;
  });
  return `"${bytes.join("")}"`;
}
