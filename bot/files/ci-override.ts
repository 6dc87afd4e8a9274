import { type Node, type YAMLMap, isMap, isScalar, isSeq } from "yaml";

import { findHolders, findRoots } from "./ci-file.ts";
import { type CiFacts, inherited } from "./ci-facts.ts";
import { type CiInclude, readIncludes } from "./ci-includes.ts";
import { classifyService, dindMajor } from "./dind.ts";
import { refusesPath } from "./dind-decision.ts";
import { findLaunch, mirrorArgument, readFlagState } from "./dockerd-command.ts";
import type { Mirror } from "./mirror.ts";
import { lineBreakAt, textBefore } from "./source-text.ts";
import type { Edit, EditOptions, Left, SourceFile } from "./types.ts";
import {
  type YamlFile,
  findPair,
  isYamlProblem,
  keyText,
  readYaml,
  resolve,
  scalarText,
  startOf,
  textList,
} from "./yaml-file.ts";

/** GitLab's own templates that bring a dind service, with the jobs that have it. */
const TEMPLATES: ReadonlyMap<string, readonly string[]> = new Map([
  ["Auto-DevOps.gitlab-ci.yml", ["build", "code_quality"]],
  ["Code-Quality.gitlab-ci.yml", ["code_quality"]],
  ["Jobs/Build.gitlab-ci.yml", ["build"]],
  ["Jobs/Build.latest.gitlab-ci.yml", ["build"]],
  ["Jobs/Code-Quality.gitlab-ci.yml", ["code_quality"]],
  ["Jobs/Code-Quality.latest.gitlab-ci.yml", ["code_quality"]],
]);

/**
 * Deals with configuration from elsewhere. Lists replace each other when GitLab merges, so a dind service that an
 * included file brings is overridden by a copy of its whole list; what to copy only the expanded configuration tells.
 */
export function planIncludes(
  file: YamlFile,
  { path, repository: { ci } }: SourceFile,
  options: EditOptions,
): readonly (Edit | Left)[] {
  if (ci.mergedYaml === null) {
    return readIncludes(file).flatMap((include) => planForeign(include, ci));
  }
  return path === ci.rootPath ? planOverrides(file, ci, options) : [];
}

function planForeign(include: CiInclude, facts: CiFacts): readonly Left[] {
  const { source, target, line } = include;
  if (source === "local") return [];
  const jobs = source === "template" ? (TEMPLATES.get(target) ?? []) : [];
  const open = jobs.filter((job) => (facts.jobs.get(job)?.services ?? null) === null);
  if (open.length > 0) {
    return [
      {
        verdict: "suggest",
        line,
        code: "template-dind",
        reason: `the template ${target} brings its own dind service for ${open.join(" and ")}: the expanded configuration is needed to override it`,
        attention: true,
      },
    ];
  }
  if (source === "template") return [];
  const reason = `included from elsewhere (${source} ${target}): what it holds is edited there`;
  return [{ verdict: "leave", line, code: "foreign-include", reason, attention: false }];
}

/** A job whose dind service comes from outside the repository. */
interface ForeignJob {
  readonly name: string;
  readonly services: readonly ForeignService[];
}

/** A service as plain text: `name` and `command` by name, all else as JSON, which YAML reads as well. */
type ForeignService = ReadonlyMap<string, unknown>;

function planOverrides(
  file: YamlFile,
  facts: CiFacts,
  options: EditOptions,
): readonly (Edit | Left)[] {
  const merged = readYaml(facts.mergedYaml ?? "");
  if (isYamlProblem(merged)) {
    const reason = `the expanded configuration does not parse: ${merged.message}`;
    return [{ verdict: "leave", line: 1, code: "unreadable-merged", reason, attention: true }];
  }
  const found: (Edit | Left)[] = [];
  const appended: ForeignJob[] = [];
  for (const { name, map } of findHolders(merged)) {
    // GitLab's lint wrote job names as `:job` until version 16.
    const job = (name ?? ".").replace(/^:/, "");
    if (job.startsWith(".") || job === "default" || isOurs(facts, job)) continue;
    const own = findHolders(file).findLast((holder) => holder.name === job);
    // Overridden here already, be it by an edit that the facts do not know of yet.
    if (own !== undefined && findPair(file, own.map, "services") !== null) continue;
    const outcome = readForeign(merged, map, { facts, mirror: options.mirror });
    if (outcome === null) continue;
    if (!Array.isArray(outcome)) {
      found.push({ ...outcome, reason: `${job}: ${outcome.reason}` });
      continue;
    }
    const foreign = { name: job, services: outcome };
    if (own === undefined) appended.push(foreign);
    else found.push(overrideWithin(file, own.map, foreign));
  }
  const root = findRoots(file).at(-1);
  if (appended.length > 0 && root !== undefined) found.push(appendJobs(file, root, appended));
  return found;
}

/** Whether a job's services are written in this repository, where they are edited in their place. */
function isOurs(facts: CiFacts, job: string): boolean {
  const services = facts.jobs.has(job) ? inherited(facts, job, "services") : "elsewhere";
  return services !== "elsewhere" && services !== null;
}

function readForeign(
  merged: YamlFile,
  map: YAMLMap,
  { facts, mirror }: { readonly facts: CiFacts; readonly mirror: Mirror },
): ForeignService[] | Left | null {
  const list = resolve(merged, findPair(merged, map, "services")?.pair.value);
  if (!isSeq(list)) return null;
  const services: ForeignService[] = [];
  let changes = 0;
  for (const item of list.items) {
    const service = readForeignService(merged, resolve(merged, item));
    const name = service.get("name");
    if (typeof name !== "string") return null;
    const isDind = classifyService(name, facts.variables) === "dind";
    const outcome = isDind
      ? withMirror(service, { mirror, major: dindMajor(name, facts.variables) })
      : service;
    if (typeof outcome === "string") {
      return {
        verdict: "leave",
        line: 1,
        code: "foreign-dind",
        reason: `${name} ${outcome}`,
        attention: true,
      };
    }
    if (outcome !== service) changes += 1;
    services.push(outcome);
  }
  return changes === 0 ? null : services;
}

function readForeignService(merged: YamlFile, node: Node | null): ForeignService {
  const service = new Map<string, unknown>();
  if (isMap(node)) {
    for (const pair of node.items) {
      service.set(keyText(pair) ?? "", plainValue(merged, pair.value, 0));
    }
    const command = textList(merged, findPair(merged, node, "command")?.pair.value);
    if (command !== null) service.set("command", command);
  } else if (isScalar(node)) {
    service.set("name", scalarText(merged, node));
  }
  return service;
}

function plainValue(file: YamlFile, value: unknown, depth: number): unknown {
  const node = resolve(file, value);
  if (depth > 10 || node === null) return null;
  if (isSeq(node)) return node.items.map((item) => plainValue(file, item, depth + 1));
  if (!isMap(node)) return isScalar(node) ? node.value : null;
  const entries = node.items.map((pair) => [
    keyText(pair),
    plainValue(file, pair.value, depth + 1),
  ]);
  return Object.fromEntries(entries);
}

function withMirror(
  service: ForeignService,
  { mirror, major }: { readonly mirror: Mirror; readonly major: number | null },
): ForeignService | string {
  const command = (service.get("command") ?? []) as readonly string[];
  const entrypoint = (service.get("entrypoint") ?? null) as readonly string[] | null;
  if (findLaunch(entrypoint, command) !== "arguments") {
    return "comes from elsewhere with an entrypoint that takes no arguments";
  }
  const refusal = refusesPath(major, mirror);
  if (refusal !== null) return `comes from elsewhere: ${refusal}`;
  const state = readFlagState(command, mirror).state;
  if (state === "ours") return service;
  if (state !== "none") return "comes from elsewhere with another mirror";
  return new Map([...service, ["command", [...command, mirrorArgument(mirror)]]]);
}

function overrideWithin(file: YamlFile, map: YAMLMap, job: ForeignJob): Edit | Left {
  const at = startOf(map);
  const prefix = textBefore(file.source, at);
  if (map.flow === true || /\S|\t/.test(prefix)) {
    return {
      verdict: "suggest",
      line: file.lineAt(at),
      code: "override-by-hand",
      reason: `${job.name} needs its included services again, with the mirror, and is written in a form that is not edited`,
      snippet: servicesText(job, { indent: "", lineBreak: "\n" }),
      attention: true,
    };
  }
  const lineBreak = lineBreakAt(file.source, at);
  const text = `${servicesText(job, { indent: prefix, lineBreak })}${lineBreak}${prefix}`.slice(
    prefix.length,
  );
  return {
    verdict: "edit",
    line: file.lineAt(at),
    splices: [{ start: at, end: at, text }],
    changes: [{ op: "add", path: [...file.pathOf(map), "pairs", 0], value: servicesData(job) }],
    why: `${job.name} gets the services of its included job again, with the mirror`,
    purpose: "mirror",
  };
}

function appendJobs(file: YamlFile, root: YAMLMap, jobs: readonly ForeignJob[]): Edit {
  const { source } = file;
  const at = source.length;
  const lineBreak = lineBreakAt(source, at);
  const blocks = jobs.map(
    (job) => `${plain(job.name)}:${lineBreak}${servicesText(job, { indent: "  ", lineBreak })}`,
  );
  const text = blocks.join(lineBreak);
  const isClosed = source === "" || source.endsWith("\n");
  const path = file.pathOf(root);
  return {
    verdict: "edit",
    line: file.lineAt(at),
    splices: [
      { start: at, end: at, text: isClosed ? `${text}${lineBreak}` : `${lineBreak}${text}` },
    ],
    changes: jobs.map((job) => ({
      op: "add",
      // Changes of one edit are applied from the last to the first.
      path: [...path, "pairs", root.items.length],
      value: { key: job.name, value: { pairs: [servicesData(job)] } },
    })),
    why: `${jobs.map(({ name }) => name).join(", ")}: the included services again, with the mirror`,
    purpose: "mirror",
  };
}

function servicesText(
  { services }: ForeignJob,
  { indent, lineBreak }: { readonly indent: string; readonly lineBreak: string },
): string {
  const lines = services.flatMap((service) =>
    [...service].map(
      ([key, value], number) => `${indent}  ${number === 0 ? "- " : "  "}${key}: ${plain(value)}`,
    ),
  );
  return [`${indent}services:`, ...lines].join(lineBreak);
}

/** A value as YAML: a plain scalar where that is safe, JSON with a blank after each comma otherwise. */
function plain(value: unknown): string {
  if (typeof value === "string" && /^[A-Za-z][\w./@:$-]*$/.test(value) && !value.endsWith(":")) {
    return /^(?:y|n|yes|no|on|off|true|false|null)$/i.test(value) ? JSON.stringify(value) : value;
  }
  return Array.isArray(value)
    ? `[${value.map((item) => JSON.stringify(item)).join(", ")}]`
    : JSON.stringify(value);
}

function servicesData({ services }: ForeignJob): unknown {
  return {
    key: "services",
    value: {
      items: services.map((service) => ({
        pairs: [...service].map(([key, value]) => ({ key, value: asData(value) })),
      })),
    },
  };
}

function asData(value: unknown): unknown {
  if (Array.isArray(value)) return { items: value.map(asData) };
  if (typeof value !== "object" || value === null) return value;
  return { pairs: Object.entries(value).map(([key, item]) => ({ key, value: asData(item) })) };
}
