import { isMap } from "yaml";

import {
  findHolders,
  findRoots,
  findServices,
  isReference,
  readImage,
  readScript,
  readServiceNames,
  readVariables,
} from "./ci-file.ts";
import { type CiInclude, readIncludes } from "./ci-includes.ts";
import type { Variables } from "./dind.ts";
import { findMirrorFlags } from "./dockerd-command.ts";
import {
  type YamlFile,
  findPair,
  isYamlProblem,
  keyText,
  readYaml,
  resolve,
  scalarText,
  textList,
} from "./yaml-file.ts";

/** What other jobs, and a reader of the whole configuration, must know of a job. */
export interface CiJob {
  readonly name: string;
  readonly extends: readonly string[];
  /** Image names of its services; `null` where it brings no `services` of its own. */
  readonly services: readonly string[] | null;
  readonly image: string | null;
  readonly startsDockerd: boolean;
}

/** What one CI file says to the others. */
export interface CiSurvey {
  readonly variables: Variables;
  readonly jobs: readonly CiJob[];
  /** Targets of `!reference` inside services lists. */
  readonly references: readonly (readonly string[])[];
  readonly includes: readonly CiInclude[];
  /** Whether a service is given a mirror by flag. */
  readonly setsMirrorFlag: boolean;
  /** Names of Docker's options that some line of the file reads, as in `dockerd $DOCKER_OPTS`. */
  readonly optionsRead: ReadonlySet<string>;
}

/** What the CI files of a repository say together: GitLab merges them before it looks at a job. */
export interface CiFacts {
  /** The configuration file and every file it includes from this repository. */
  readonly paths: ReadonlySet<string>;
  /** The file that GitLab reads first. */
  readonly rootPath: string;
  /** Global variables, and defaults of inputs as `inputs.name`. */
  readonly variables: Variables;
  /** By name; `default` is one, and the top level is the one named by the empty string. */
  readonly jobs: ReadonlyMap<string, CiJob>;
  readonly references: readonly (readonly string[])[];
  /** Whether a service of any file is given a mirror by flag. */
  readonly setsMirrorFlag: boolean;
  /** Names of Docker's options that some line of some file reads. */
  readonly optionsRead: ReadonlySet<string>;
  /** GitLab's expanded configuration, where the caller has it. */
  readonly mergedYaml: string | null;
}

const NOTHING: CiSurvey = {
  variables: new Map(),
  jobs: [],
  references: [],
  includes: [],
  setsMirrorFlag: false,
  optionsRead: new Set(),
};

/** Reads what one CI file says to the others; nothing where it does not parse. */
export function surveyCi(source: string): CiSurvey {
  const file = readYaml(source);
  if (isYamlProblem(file)) return NOTHING;
  const variables = new Map<string, string>();
  for (const root of findRoots(file)) {
    for (const [name, value] of [...readVariables(file, root), ...readInputs(file, root)]) {
      variables.set(name, value);
    }
  }
  return {
    variables,
    jobs: readJobs(file),
    references: readReferences(file),
    includes: readIncludes(file),
    setsMirrorFlag: findServices(file, []).some(({ node }) => hasMirrorFlag(file, node)),
    optionsRead: readOptionNames(source),
  };
}

function readOptionNames(source: string): ReadonlySet<string> {
  const uses = source.matchAll(/\$\{?((?:DOCKER|DOCKERD|DIND)_\w+)/g);
  return new Set([...uses].map((use) => use[1] ?? ""));
}

function hasMirrorFlag(file: YamlFile, node: unknown): boolean {
  const map = resolve(file, node);
  const command = isMap(map) ? textList(file, findPair(file, map, "command")?.pair.value) : null;
  return findMirrorFlags(command ?? []).length > 0;
}

function readInputs(file: YamlFile, root: Parameters<typeof findPair>[1]): [string, string][] {
  const spec = resolve(file, findPair(file, root, "spec")?.pair.value);
  const inputs = isMap(spec) ? resolve(file, findPair(file, spec, "inputs")?.pair.value) : null;
  const found: [string, string][] = [];
  for (const pair of isMap(inputs) ? inputs.items : []) {
    const input = resolve(file, pair.value);
    const value = isMap(input)
      ? scalarText(file, findPair(file, input, "default")?.pair.value)
      : null;
    if (value !== null) found.push([`inputs.${keyText(pair)}`, value]);
  }
  return found;
}

function readJobs(file: YamlFile): readonly CiJob[] {
  return findHolders(file).map(({ name, map }) => ({
    name: name ?? "",
    extends: textList(file, findPair(file, map, "extends")?.pair.value) ?? [],
    services: findPair(file, map, "services") === null ? null : readServiceNames(file, map),
    image: readImage(file, map),
    startsDockerd: readScript(file, map).some(({ text }) => startsDockerd(text)),
  }));
}

/** A daemon's name where a shell looks for a command: first, after a separator, a keyword or an assignment. */
const STARTS_DOCKERD =
  /(?:^|[;&|({]\s*|\b(?:then|do|else|sudo|nohup|exec|env|time|setsid)\s+)(?:\w+=\S*\s+){0,9}(?:\/\S*\/)?dockerd(?:-entrypoint\.sh)?(?=\s|$)/;

/** Whether a line of shell runs dockerd itself. */
export function startsDockerd(text: string): boolean {
  return STARTS_DOCKERD.test(text);
}

function readReferences(file: YamlFile): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  for (const { map } of findHolders(file)) {
    const value = resolve(file, findPair(file, map, "services")?.pair.value);
    const lists = [value, ...(isSeqLike(value) ? value.items : [])];
    for (const list of lists) if (isReference(list)) found.push(textList(file, list) ?? []);
  }
  return found.filter((path) => path.length > 0);
}

function isSeqLike(value: unknown): value is { items: unknown[] } {
  return typeof value === "object" && value !== null && "items" in value && !isMap(value);
}

/** Puts the surveys of all CI files together; a later file's word counts where two say the same name. */
export function mergeSurveys(
  surveys: ReadonlyMap<string, CiSurvey>,
  base: Pick<CiFacts, "rootPath" | "mergedYaml">,
): CiFacts {
  const variables = new Map<string, string>();
  const jobs = new Map<string, CiJob>();
  // The first file of the map is the root; what it says itself overrides what it includes.
  for (const survey of [...surveys.values()].toReversed()) {
    for (const [name, value] of survey.variables) variables.set(name, value);
    for (const job of survey.jobs) {
      const earlier = jobs.get(job.name);
      jobs.set(job.name, earlier === undefined ? job : overlay(earlier, job));
    }
  }
  return {
    ...base,
    paths: new Set(surveys.keys()),
    variables,
    jobs,
    references: [...surveys.values()].flatMap((survey) => survey.references),
    setsMirrorFlag: [...surveys.values()].some((survey) => survey.setsMirrorFlag),
    optionsRead: new Set([...surveys.values()].flatMap((survey) => [...survey.optionsRead])),
  };
}

/** Two files may each hold a part of one job. */
function overlay(under: CiJob, over: CiJob): CiJob {
  return {
    name: over.name,
    extends: over.extends.length > 0 ? over.extends : under.extends,
    services: over.services ?? under.services,
    image: over.image ?? under.image,
    startsDockerd: over.startsDockerd || under.startsDockerd,
  };
}

/** Where a job's property comes from: itself, what it extends, `default`, or the top level. */
export function inherited<K extends "services" | "image">(
  facts: CiFacts,
  name: string,
  key: K,
): CiJob[K] | "elsewhere" {
  const own = alongExtends(facts, { name, key, depth: 0 });
  if (own !== null) return own;
  return facts.jobs.get("default")?.[key] ?? facts.jobs.get("")?.[key] ?? null;
}

interface Climb<K> {
  readonly name: string;
  readonly key: K;
  readonly depth: number;
}

/** `extends` goes at most 11 levels up in GitLab; a parent that no file here defines may hold anything. */
function alongExtends<K extends "services" | "image">(
  facts: CiFacts,
  { name, key, depth }: Climb<K>,
): CiJob[K] | "elsewhere" {
  const job = facts.jobs.get(name);
  if (job === undefined || depth > 11) return "elsewhere";
  if (job[key] !== null) return job[key];
  for (const parent of job.extends.toReversed()) {
    const found = alongExtends(facts, { name: parent, key, depth: depth + 1 });
    if (found !== null) return found;
  }
  return null;
}
