import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";

import { parseMirror } from "../../../bot/files/mirror.ts";
import type { Splice } from "../../../bot/files/types.ts";
import { type Plan, createPlan } from "../../../bot/plan/plan.ts";
import { createMemoryFiles } from "../../../bot/plan/repository.ts";
import { type Json, mirrored } from "./mirrored.ts";
import { ciText, renderCi } from "./ci-arbitrary.ts";

const mirror = parseMirror("https://mirror.example.dev")!;
const FLAG = "--registry-mirror=https://mirror.example.dev";
const PATH = ".gitlab-ci.yml";

function planCi(source: string): Promise<Plan> {
  return createPlan(createMemoryFiles({ [PATH]: source }), { mirror });
}

/** Data with aliases and merge keys resolved, read without any of our code. */
function resolved(source: string): unknown[] {
  const documents = parseAllDocuments(source, { merge: true, uniqueKeys: false });
  return (Array.isArray(documents) ? documents : []).map(
    (document) => document.toJS({ maxAliasCount: -1 }) as unknown,
  );
}

/** The parts of a text that no splice replaces. */
function outside(source: string, splices: readonly Splice[]): readonly string[] {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of splices.toSorted((a, b) => a.start - b.start)) {
    parts.push(source.slice(at, start));
    at = end;
  }
  return [...parts, source.slice(at)];
}

/** Whether the parts stand in the text in this order, with something or nothing between them. */
function holdsInOrder(text: string, parts: readonly string[]): boolean {
  let at = 0;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.startsWith(parts[0] ?? "") && text.endsWith(parts.at(-1) ?? "");
}

describe("generated CI files", () => {
  it("get the flag in every dind service, and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(ciText, async (ci) => {
        const source = renderCi(ci);
        const plan = await planCi(source);
        const after = plan.files[0]?.after ?? source;
        expect(resolved(after)).toEqual(
          resolved(source).map((item) => mirrored(item as Json, FLAG)),
        );
        expect(plan.left.map(({ code }) => code)).toEqual([]);
      }),
      { numRuns: 400, seed: 4 },
    );
  });

  it("keep every byte outside the splices, and their line ends", async () => {
    await fc.assert(
      fc.asyncProperty(ciText, async (ci) => {
        const source = renderCi(ci);
        const [file] = (await planCi(source)).files;
        if (file === undefined) return;
        const splices = file.edits.flatMap((edit) => edit.splices);
        expect(holdsInOrder(file.after, outside(source, splices))).toBe(true);
        if (ci.lineBreak === "\r\n") expect(file.after).not.toMatch(/[^\r]\n/);
        else expect(file.after).not.toContain("\r");
        expect(file.after.endsWith("\n")).toBe(source.endsWith("\n"));
        expect(file.after.startsWith("\uFEFF")).toBe(source.startsWith("\uFEFF"));
      }),
      { numRuns: 400, seed: 5 },
    );
  });

  it("need nothing more on their own output", async () => {
    await fc.assert(
      fc.asyncProperty(ciText, async (ci) => {
        const source = renderCi(ci);
        const after = (await planCi(source)).files[0]?.after ?? source;
        expect((await planCi(after)).files).toEqual([]);
      }),
      { numRuns: 200, seed: 6 },
    );
  });
});
