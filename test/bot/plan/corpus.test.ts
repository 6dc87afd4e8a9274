import { existsSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";

import { parseMirror } from "../../../bot/files/mirror.ts";
import { type Plan, createPlan } from "../../../bot/plan/plan.ts";
import { createMemoryFiles } from "../../../bot/plan/repository.ts";
import { checkFile } from "../files/hostile.ts";

const ROOT = fileURLToPath(new URL("../../../../shared/corpus/", import.meta.url));
const mirror = parseMirror("https://mirror.example.dev")!;
const FLAG = "--registry-mirror=https://mirror.example.dev";

interface CorpusFile {
  readonly name: string;
  readonly path: string;
  readonly source: string;
}

function readFolder(folder: string, pathOf: (source: string) => string): readonly CorpusFile[] {
  if (!existsSync(ROOT + folder)) return [];
  return readdirSync(ROOT + folder).map((name) => {
    const source = readFileSync(`${ROOT}${folder}/${name}`, "utf8");
    return { name: `${folder}/${name}`, path: pathOf(source), source };
  });
}

const CI = readFolder("ci", () => ".gitlab-ci.yml");
const DAEMON = readFolder("daemon", () => "daemon.json");
const RUNNER = readFolder("runner", (source) =>
  /^(?:image|runners):/m.test(source) ? "values.yaml" : "config.toml",
);

function planFile({ path, source }: CorpusFile): Promise<Plan> {
  return createPlan(createMemoryFiles({ [path]: source }), { mirror });
}

function stateOf(plan: Plan): string {
  if (plan.files.length > 0) return "edited";
  if (plan.left.some(({ code }) => code === "already-mirrored")) return "already";
  if (plan.left.some(({ verdict }) => verdict === "suggest")) return "suggested";
  return plan.left.length > 0 ? "left" : "nothing to do";
}

/** Every literal dind service of a file, found without any of our code. */
function findLiteral(
  value: unknown,
  found: Record<string, unknown>[] = [],
): Record<string, unknown>[] {
  if (typeof value !== "object" || value === null) return found;
  for (const [key, item] of Object.entries(value)) {
    for (const service of key === "services" && Array.isArray(item) ? (item as unknown[]) : []) {
      const map = typeof service === "string" ? { name: service } : service;
      const { name } = (map ?? {}) as { name?: unknown };
      if (typeof name === "string" && /(?:^|\/)docker:[^/]*dind/.test(name)) {
        found.push(map as Record<string, unknown>);
      }
    }
    findLiteral(item, found);
  }
  return found;
}

function resolved(source: string): unknown[] {
  const documents = parseAllDocuments(source, { merge: true, uniqueKeys: false });
  return (Array.isArray(documents) ? documents : []).map(
    (document) => document.toJS({ maxAliasCount: -1 }) as unknown,
  );
}

// The collection is no part of this repository; where it is not beside it there is nothing to check.
describe.skipIf(CI.length === 0)("real files (skipped where ../shared/corpus is absent)", () => {
  it.each([...CI, ...DAEMON, ...RUNNER])(
    "$name: nothing else changes",
    async ({ path, source }) => {
      expect(await checkFile({ path, source }, 1)).toBeNull();
    },
  );

  it.each(CI)("$name: every literal dind is mirrored or has a reason", async (file) => {
    const plan = await planFile(file);
    const unreadable = plan.left.some(({ code }) => code === "unreadable");
    if (unreadable) return;
    const after = plan.files[0]?.after ?? file.source;
    const bare = resolved(after)
      .flatMap((document) => findLiteral(document))
      .filter(({ command }) => !(Array.isArray(command) && command.includes(FLAG)));
    const reasons = plan.left.filter(({ reason }) =>
      bare.some(({ name }) => reason.startsWith(String(name))),
    );
    expect(bare.length > 0).toBe(reasons.length > 0);
  });

  it("are edited, suggested and left in these numbers", async () => {
    const counts: Record<string, Record<string, number>> = {};
    for (const file of [...CI, ...DAEMON, ...RUNNER]) {
      const kind = file.name.slice(0, file.name.indexOf("/"));
      const state = stateOf(await planFile(file));
      const row = (counts[kind] ??= {});
      row[state] = (row[state] ?? 0) + 1;
    }
    console.log(JSON.stringify(counts));
    expect(Object.keys(counts).toSorted()).toEqual(["ci", "daemon", "runner"]);
  });
});
