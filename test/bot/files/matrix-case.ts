import type { PlanOptions } from "../../../bot/plan/plan.ts";

/** One row of the edit matrix: files before, what has to come out, and what has to be said. */
export interface MatrixCase {
  readonly id: string;
  readonly path?: string;
  readonly before: string;
  /** Absent: the file stays as it is. */
  readonly after?: string;
  /** Codes of what is left alone, in order; `already-mirrored` and the like included. */
  readonly left?: readonly string[];
  /** Other files of the repository. */
  readonly others?: Readonly<Record<string, string>>;
  readonly options?: Omit<Partial<PlanOptions>, "mirror">;
  readonly purpose?: "repair";
  readonly note?: RegExp;
}

export const MIRROR_URL = "https://mirror.example.dev";

/** The flag as the editor writes it. */
export const FLAG = `"--registry-mirror=${MIRROR_URL}"`;

/** Cuts the margin off a template, so that cases can stand in the indent of the code. */
export function text(strings: TemplateStringsArray, ...values: readonly string[]): string {
  const raw = String.raw({ raw: strings.raw }, ...values)
    .replace(/^\n/, "")
    .replace(/\n[ ]*$/, "\n");
  const margin = /^ */.exec(raw)?.[0].length ?? 0;
  return raw
    .split("\n")
    .map((line) => line.slice(Math.min(margin, /^ */.exec(line)?.[0].length ?? 0)))
    .join("\n");
}
