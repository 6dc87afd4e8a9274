import { isDeepStrictEqual } from "node:util";

import { getStaticTOMLValue, parseTOML } from "toml-eslint-parser";
import { parseAllDocuments } from "yaml";

import { parseMirror } from "../../../bot/files/mirror.ts";
import type { ConflictPolicy } from "../../../bot/files/types.ts";
import { lintRepository } from "../../../bot/plan/lint.ts";
import { createPlan } from "../../../bot/plan/plan.ts";
import { createMemoryFiles } from "../../../bot/plan/repository.ts";
import { ANCHOR_CASES } from "./matrix-anchors.ts";
import type { MatrixCase } from "./matrix-case.ts";
import { CI_CASES } from "./matrix-ci.ts";
import { DAEMON_CASES } from "./matrix-daemon.ts";
import { PULL_CASES } from "./matrix-pulls.ts";
import { RUNNER_CASES } from "./matrix-runner.ts";
import { SERVICE_CASES } from "./matrix-services.ts";

const mirror = parseMirror("https://mirror.example.dev")!;

/** A file to start from. */
export interface Seed {
  readonly path: string;
  readonly source: string;
}

const ROWS: readonly MatrixCase[] = [
  ...SERVICE_CASES,
  ...ANCHOR_CASES,
  ...CI_CASES,
  ...PULL_CASES,
  ...DAEMON_CASES,
  ...RUNNER_CASES,
];

/** The matrix rows as files to start from; none of them is included by another. */
export const SEEDS: readonly Seed[] = ROWS.filter((row) => row.others === undefined).map((row) => ({
  path: row.path ?? ".gitlab-ci.yml",
  source: row.before,
}));

/** A small generator of numbers, the same for the same seed. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const PIECES = [
  "&a ",
  "*a",
  "!reference [a, b]",
  "!!str ",
  "<<: *a",
  "? ",
  ": ",
  "- ",
  "|",
  ">-",
  "{",
  "}",
  "[",
  "]",
  ",",
  "'",
  '"',
  "#",
  " # x",
  "\t",
  "\r\n",
  "\n",
  "\n\n",
  "  ",
  "---\n",
  "...\n",
  "%YAML 1.1\n",
  "\uFEFF",
  "\u2028",
  "\0",
  "é",
  "$X",
  "${X}",
  "$[[ inputs.x ]]",
  "docker:dind",
  "command:",
  "services:",
  "name: docker:dind",
  "entrypoint: [sh, -c]",
  "--registry-mirror",
  "--registry-mirror=$X",
  "[[runners]]",
  '"""',
  "'''",
  "=",
  "//",
  "/*",
  '"registry-mirrors": []',
  "null",
  "~",
  "\\",
  "{{ x }}",
  "include: {local: /**}",
  "extends: a",
  "variables:",
] as const;

/** Damages a text in a few places. */
export function mutate(source: string, random: (below: number) => number): string {
  let text = source;
  for (let count = 1 + random(4); count > 0; count -= 1) {
    const at = random(text.length + 1);
    const piece = PIECES[random(PIECES.length)] ?? "";
    const lines = text.split("\n");
    const line = random(lines.length);
    const other = lines[random(lines.length)] ?? "";
    const damaged = [
      () => text.slice(0, at) + piece + text.slice(at),
      () => text.slice(0, at) + text.slice(at + 1 + random(6)),
      () => lines.toSpliced(line, 0, other).join("\n"),
      () => lines.toSpliced(line, 1).join("\n"),
      () => lines.with(line, ` ${lines[line]}`).join("\n"),
      () => lines.with(line, (lines[line] ?? "").replace(/^ /, "")).join("\n"),
      () => text.slice(0, at),
    ][random(7)];
    text = damaged?.() ?? text;
  }
  return text;
}

const POLICIES: readonly (ConflictPolicy | undefined)[] = [
  undefined,
  "leave",
  "prepend",
  "replace",
];

/** 5 s, where the worst takes 1 to 2. */
const MAX_CPU_MICROSECONDS = 5_000_000;

/**
 * Plans and lints a file that may hold anything, and says what was wrong about it; `null` where all went well.
 *
 * Reads before and after with the parsers alone, takes away what an edit may change, and wants the rest equal.
 */
export async function checkFile({ path, source }: Seed, round: number): Promise<string | null> {
  const files = createMemoryFiles({ [path]: source });
  const options = { mirror, conflict: POLICIES[round % 4], tidy: round % 5 === 0 };
  // Its own time on a processor: others may have the machine meanwhile.
  const start = process.cpuUsage();
  const plan = await createPlan(files, options);
  await lintRepository(files, { mirror: round % 2 === 0 ? mirror : null });
  const { user, system } = process.cpuUsage(start);
  if (user + system > MAX_CPU_MICROSECONDS) return "took too long";
  for (const { before, after } of plan.files) {
    if (!isDeepStrictEqual(essence(path, before), essence(path, after)))
      return `changed too much:\n${after}`;
    const again = await createPlan(createMemoryFiles({ [path]: after }), options);
    if (again.files.length > 0) return `not done after one pass:\n${after}`;
  }
  return null;
}

/** A file's data without what the editor may change. */
function essence(path: string, source: string): unknown {
  if (path.endsWith(".json")) return withoutMirrors(JSON.parse(source.replace(/^\uFEFF/, "")));
  if (path.endsWith(".toml"))
    return withoutMirrors(getStaticTOMLValue(parseTOML(source.replace(/^\uFEFF/, " "))));
  const documents = parseAllDocuments(source, { merge: true, uniqueKeys: false });
  return (Array.isArray(documents) ? documents : []).map((document) => {
    try {
      return withoutMirrors(document.toJS({ maxAliasCount: -1 }));
    } catch {
      // Circles of aliases and the like: the editor's own comparison has to do.
      return null;
    }
  });
}

const CHANGED: ReadonlySet<string> = new Set([
  "registry-mirrors",
  "registry-mirror",
  "KANIKO_REGISTRY_MIRROR",
  "mirrors",
]);

function isMirrorArgument(item: unknown): boolean {
  return (
    typeof item === "string" &&
    /^(?:--registry-mirror(?:=|$)|engine-(?:opt=)?registry-mirror=)/.test(item)
  );
}

function withoutMirrors(data: unknown, depth = 0): unknown {
  if (depth > 100) throw new RangeError("an alias stands for something that it is part of");
  if (Array.isArray(data)) {
    const list: readonly unknown[] = data;
    const items = list.filter(
      (item, index) => !isMirrorArgument(item) && list[index - 1] !== "--registry-mirror",
    );
    return items.map((item: unknown) =>
      typeof item === "string" ? { name: item } : withoutMirrors(item, depth + 1),
    );
  }
  if (typeof data === "string" && data.includes("\n") && /\[\[?runners/.test(data)) return null;
  if (typeof data !== "object" || data === null || data instanceof Date) return data;
  const entries = Object.entries(data)
    .filter(
      ([key]) =>
        !CHANGED.has(key) && !/^(?:DOCKERD?|DIND)_(?:EXTRA_)?(?:OPTS|OPTIONS|ARGS)$/.test(key),
    )
    .map(([key, value]) => [key, withoutMirrors(value, depth + 1)] as const)
    // A command or a map of variables may be new, and is then empty by now.
    .filter(
      ([, value]) =>
        value !== null && !(typeof value === "object" && Object.keys(value).length === 0),
    );
  return Object.fromEntries(entries);
}
