import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";

import { parseMirror } from "../../../bot/files/mirror.ts";
import type { Splice } from "../../../bot/files/types.ts";
import { type Plan, createPlan } from "../../../bot/plan/plan.ts";
import { createMemoryFiles } from "../../../bot/plan/repository.ts";
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

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What an editor would do to the data: every dind service gets the flag as its last argument. */
function mirrored(data: Json, isServices = false): Json {
  if (Array.isArray(data))
    return data.map((item) => (isServices ? mirroredService(item) : mirrored(item)));
  if (typeof data !== "object" || data === null) return data;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, mirrored(value, key === "services")]),
  );
}

function mirroredService(service: Json): Json {
  const map =
    typeof service === "object" && service !== null && !Array.isArray(service) ? service : {};
  const name =
    typeof service === "string" ? service : JSON.stringify(map["name"] ?? "").slice(1, -1);
  if (!/(?:^|\/)docker:[^/]*dind|\/dind:/.test(name)) return service;
  const command = Array.isArray(map["command"]) ? map["command"] : [];
  return { ...map, name, command: [...command, FLAG] };
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
        expect(resolved(after)).toEqual(resolved(source).map((item) => mirrored(item as Json)));
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
