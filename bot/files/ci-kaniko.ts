import { type Node, type YAMLMap, isMap } from "yaml";

import { type CiHolder, findHolders, readImage, readScript, readVariables } from "./ci-file.ts";
import { type CiFacts, inherited } from "./ci-facts.ts";
import { type Variables, expand } from "./dind.ts";
import { type Mirror, bareHost, isSameMirror } from "./mirror.ts";
import { endOfLine, lineBreakAt, textBefore, withoutByteOrderMark } from "./source-text.ts";
import type { Edit, EditOptions, Left } from "./types.ts";
import {
  type OwnedPair,
  type YamlFile,
  endOf,
  findPair,
  keyText,
  mergeSources,
  resolve,
  scalarText,
  startOf,
} from "./yaml-file.ts";

/** kaniko reads its mirror, a host without a scheme, from this variable; it knows nothing of dockerd's. */
const KANIKO_VARIABLE = "KANIKO_REGISTRY_MIRROR";

/** A job that builds with kaniko. */
export interface KanikoJob {
  readonly holder: CiHolder;
  readonly line: number;
  /** What sets its mirror now: the variable's value, a flag on its command line, or nothing. */
  readonly variable: string | null;
  readonly flag: { readonly value: string; readonly line: number } | null;
}

/** Finds the jobs that build with kaniko, by their own image or by what their script calls. */
export function findKanikoJobs(file: YamlFile, facts: CiFacts): readonly KanikoJob[] {
  const jobs: KanikoJob[] = [];
  for (const holder of findHolders(file)) {
    if (holder.name === null || holder.name === "default") continue;
    const script = readScript(file, holder.map);
    const calls = script.filter(({ text }) => /(?:^|[\s;&|(])\S*\/executor\b/.test(text));
    const variables = new Map([...facts.variables, ...readVariables(file, holder.map)]);
    const own = ownImage(file, holder.map);
    const isByImage = own !== null && isKaniko(own, variables);
    const isByScript =
      own === null &&
      calls.some(({ text }) => text.includes("/kaniko/executor")) &&
      !isInherited(facts, holder);
    if (!isByImage && !isByScript) continue;
    jobs.push({
      holder,
      line: file.lineAt(startOf(anchorNode(holder.map))),
      variable: variables.get(KANIKO_VARIABLE) ?? null,
      flag: findFlag(calls),
    });
  }
  return jobs;
}

/** Jobs that get kaniko's image through `extends` are served where that image stands. */
function isInherited(facts: CiFacts, { name }: CiHolder): boolean {
  const image = inherited(facts, name ?? "", "image");
  return image !== null && image !== "elsewhere" && isKaniko(image, facts.variables);
}

function isKaniko(image: string, variables: Variables): boolean {
  return /(?:^|\/)kaniko(?:-project)?(?:\/|[\w.-]*(?::|$))/.test(expand(image, variables));
}

function ownImage(file: YamlFile, map: YAMLMap): string | null {
  return map.items.some((pair) => keyText(pair) === "image") ? readImage(file, map) : null;
}

function findFlag(calls: ReturnType<typeof readScript>): KanikoJob["flag"] {
  for (const { text, line } of calls) {
    const value = /--registry-mirror[=\s]+["']?([^\s"']+)/.exec(text)?.[1];
    if (value !== undefined) return { value, line };
  }
  return null;
}

/** Sets the mirror of each job that builds with kaniko, or says why not. */
export function planKaniko(
  file: YamlFile,
  facts: CiFacts,
  options: EditOptions,
): readonly (Edit | Left)[] {
  return findKanikoJobs(file, facts).map((job) => planJob(file, job, options));
}

function planJob(file: YamlFile, job: KanikoJob, options: EditOptions): Edit | Left {
  const { mirror } = options;
  const name = job.holder.name ?? "";
  const set = job.flag?.value ?? job.variable;
  if (set !== null && isSameMirror(set, mirror)) {
    const reason = `kaniko in ${name} has this mirror already`;
    return { verdict: "leave", line: job.line, code: "already-mirrored", reason, attention: false };
  }
  if (job.flag !== null) {
    return {
      verdict: "suggest",
      line: job.flag.line,
      code: "kaniko-flag",
      reason: `kaniko in ${name} is given ${job.flag.value} as mirror; the flag may be repeated and is tried in order`,
      snippet: `--registry-mirror=${mirror.host}`,
      attention: true,
    };
  }
  if (job.variable !== null) return planOther(file, { job, value: job.variable }, options);
  return addVariable(file, job, mirror);
}

function planOther(
  file: YamlFile,
  { job, value }: { readonly job: KanikoJob; readonly value: string },
  { conflict, mirror }: EditOptions,
): Edit | Left {
  const name = job.holder.name ?? "";
  const pair = ownVariable(file, job.holder.map);
  const node = pair === null ? null : (pair.pair.value as Node);
  // One value only: there is nothing that ours could be put before.
  if (conflict !== "replace" || node === null || scalarText(file, node) === null) {
    return {
      verdict: "leave",
      line: job.line,
      code: "other-mirror",
      reason: `kaniko in ${name} uses another mirror, ${value}`,
      snippet: `${KANIKO_VARIABLE}: ${mirror.host}`,
      attention: true,
    };
  }
  return {
    verdict: "edit",
    line: file.lineAt(startOf(node)),
    splices: [{ start: startOf(node), end: endOf(file.source, node), text: mirror.host }],
    changes: [{ op: "replace", path: file.pathOf(node), value: mirror.host }],
    why: `kaniko in ${name}: the mirror takes the place of ${value}`,
    purpose: "mirror",
  };
}

function ownVariable(file: YamlFile, map: YAMLMap): OwnedPair | null {
  const block = resolve(file, findPair(file, map, "variables")?.pair.value);
  const pair = isMap(block) ? findPair(file, block, KANIKO_VARIABLE) : null;
  return pair;
}

/** What a new line goes after: the job's image, else its first key. */
function anchorNode(map: YAMLMap): Node {
  const image = map.items.findLast((pair) => keyText(pair) === "image") ?? map.items[0];
  return (image?.key ?? map) as Node;
}

function addVariable(file: YamlFile, job: KanikoJob, mirror: Mirror): Edit | Left {
  const { map, name } = job.holder;
  const number = map.items.findLastIndex((pair) => keyText(pair) === "variables");
  const own = map.items[number];
  const block = own === undefined ? null : own.value;
  const merged = mergeSources(file, map).some(
    (source) => findPair(file, source, "variables") !== null,
  );
  // A `variables` of the job's own would hide the merged one whole.
  const isOutOfReach =
    own === undefined ? merged : !isMap(block) || block.flow === true || block.items.length === 0;
  if (isOutOfReach || map.flow === true || hasTab(file, map)) {
    return {
      verdict: "suggest",
      line: job.line,
      code: "kaniko-variables",
      reason: `kaniko in ${name}: its variables are written in a form that is not edited`,
      snippet: `${KANIKO_VARIABLE}: ${mirror.host}`,
      attention: true,
    };
  }
  const note = mirror.insecure
    ? { note: `kaniko wants --insecure-registry=${bareHost(mirror)} for a mirror without TLS` }
    : {};
  const edit = isMap(block)
    ? addToVariables(file, block, mirror)
    : addVariablesBlock(file, map, mirror);
  return {
    verdict: "edit",
    line: job.line,
    why: `kaniko in ${name} gets ${KANIKO_VARIABLE}`,
    purpose: "mirror",
    ...edit,
    ...note,
  };
}

type Change = Pick<Edit, "splices" | "changes">;

function addToVariables(file: YamlFile, block: YAMLMap, mirror: Mirror): Change {
  const at = startOf(block);
  const indent = " ".repeat(column(file, at));
  const text = `${KANIKO_VARIABLE}: ${mirror.host}${lineBreakAt(file.source, at)}${indent}`;
  const path = [...file.pathOf(block), "pairs", 0];
  const value = { key: KANIKO_VARIABLE, value: mirror.host };
  return { splices: [{ start: at, end: at, text }], changes: [{ op: "add", path, value }] };
}

function addVariablesBlock(file: YamlFile, map: YAMLMap, mirror: Mirror): Change {
  const key = anchorNode(map);
  const number = map.items.findIndex((pair) => pair.key === key);
  const value = map.items[number]?.value as Node | null;
  const at = endOfLine(file.source, endOf(file.source, value ?? key));
  const indent = " ".repeat(column(file, startOf(map)));
  const lineBreak = lineBreakAt(file.source, at);
  const inner = `${indent}${" ".repeat(indentStep(file, map))}`;
  return {
    splices: [
      {
        start: at,
        end: at,
        text: `${lineBreak}${indent}variables:${lineBreak}${inner}${KANIKO_VARIABLE}: ${mirror.host}`,
      },
    ],
    changes: [
      {
        op: "add",
        path: [...file.pathOf(map), "pairs", number + 1],
        value: {
          key: "variables",
          value: { pairs: [{ key: KANIKO_VARIABLE, value: mirror.host }] },
        },
      },
    ],
  };
}

/** How far the file indents: as this job stands from the margin, when it is a top-level one. */
function indentStep(file: YamlFile, map: YAMLMap): number {
  return Math.max(column(file, startOf(map)), 1);
}

function column(file: YamlFile, offset: number): number {
  return withoutByteOrderMark(textBefore(file.source, offset)).length;
}

function hasTab(file: YamlFile, map: YAMLMap): boolean {
  return textBefore(file.source, startOf(map)).includes("\t");
}
