import { type Node, type YAMLMap, type YAMLSeq, isMap, isSeq } from "yaml";

import {
  type YamlFile,
  endOf,
  findPair,
  keyText,
  resolve,
  scalarText,
  startOf,
  textList,
} from "./yaml-file.ts";

/** A map of a CI file that may name services: a document's root, `default`, a job or a hidden job. */
export interface CiHolder {
  /** The job's name; `null` for the root. */
  readonly name: string | null;
  readonly map: YAMLMap;
}

/** Top-level keys that are no jobs. */
const KEYWORDS: ReadonlySet<string> = new Set([
  "after_script",
  "before_script",
  "cache",
  "image",
  "include",
  "services",
  "spec",
  "stages",
  "types",
  "variables",
  "workflow",
]);

/** Finds the root of each document, then `default`, jobs and hidden jobs, in the order of the text. */
export function findHolders(file: YamlFile): readonly CiHolder[] {
  const holders: CiHolder[] = [];
  for (const root of findRoots(file)) {
    holders.push({ name: null, map: root });
    for (const pair of root.items) {
      const name = keyText(pair);
      const map = resolve(file, pair.value);
      if (name !== null && !KEYWORDS.has(name) && isMap(map)) holders.push({ name, map });
    }
  }
  return holders;
}

/** The top maps of a file's documents. */
export function findRoots(file: YamlFile): readonly YAMLMap[] {
  return file.documents.map(({ contents }) => contents).filter((contents) => isMap(contents));
}

/** A service as it stands in a list: an image name, a map, or an alias of one of them. */
export interface ServiceSite {
  readonly node: Node;
  readonly list: YAMLSeq;
  readonly holder: CiHolder;
}

/**
 * Finds all services, each once: in lists under `services`, behind aliases and merge keys, and where `!reference`
 * points, be it from this file or from another.
 *
 * @param references - paths that services lists of any file refer to, such as `[".setup", "services"]`
 */
export function findServices(
  file: YamlFile,
  references: readonly (readonly string[])[],
): readonly ServiceSite[] {
  const sites: ServiceSite[] = [];
  const seen = new Set<Node>();

  function collect(value: unknown, holder: CiHolder): void {
    const list = resolve(file, value);
    if (!isSeq(list) || seen.has(list)) return;
    seen.add(list);
    if (isReference(list)) {
      for (const found of lookUp(file, textList(file, list) ?? [])) collect(found, holder);
      return;
    }
    for (const item of list.items) {
      const target = resolve(file, item);
      if (isSeq(target)) collect(target, holder);
      else if (target !== null) sites.push({ node: item as Node, list, holder });
    }
  }

  const holders = findHolders(file);
  for (const holder of holders) {
    collect(findPair(file, holder.map, "services")?.pair.value, holder);
    // A key that a later one of the same name overrides: edited as well, or it returns unmirrored one day.
    for (const pair of holder.map.items)
      if (keyText(pair) === "services") collect(pair.value, holder);
  }
  const [top] = holders;
  for (const reference of top === undefined ? [] : references) {
    for (const found of lookUp(file, reference)) if (top !== undefined) collect(found, top);
  }
  return sites.toSorted((a, b) => startOf(a.node) - startOf(b.node));
}

/** Stands for services that a `!reference` takes from another file: they may hold a daemon. */
const REFERENCED_SERVICE = "$REFERENCED_DOCKER_SERVICE";

/** The image names of a holder's services as written, whoever else shares the list. */
export function readServiceNames(file: YamlFile, map: YAMLMap): readonly string[] {
  return serviceNames(file, findPair(file, map, "services")?.pair.value, 0);
}

function serviceNames(file: YamlFile, value: unknown, depth: number): readonly string[] {
  const node = resolve(file, value);
  if (depth > 10) return [];
  if (isSeq(node) && isReference(node)) {
    const found = lookUp(file, textList(file, node) ?? []);
    return found.length === 0
      ? [REFERENCED_SERVICE]
      : found.flatMap((item) => serviceNames(file, item, depth + 1));
  }
  if (isSeq(node)) return node.items.flatMap((item) => serviceNames(file, item, depth + 1));
  const name = isMap(node)
    ? scalarText(file, findPair(file, node, "name")?.pair.value)
    : scalarText(file, node);
  return name === null ? [] : [name];
}

/** Whether a list is GitLab's `!reference [job, key]`. */
export function isReference(node: unknown): boolean {
  return isSeq(node) && node.tag === "!reference";
}

/** The values at a path of keys from the root, one for each document that has it. */
function lookUp(file: YamlFile, path: readonly string[]): readonly Node[] {
  const found: Node[] = [];
  for (const root of path.length === 0 ? [] : findRoots(file)) {
    let node: Node | null = root;
    for (const key of path) {
      node = isMap(node) ? resolve(file, findPair(file, node, key)?.pair.value) : null;
    }
    if (node !== null) found.push(node);
  }
  return found;
}

/** Variables with their values, as far as they are texts: `NAME: value` and `NAME: { value: … }`. */
export function readVariables(file: YamlFile, map: YAMLMap): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  const block = resolve(file, findPair(file, map, "variables")?.pair.value);
  for (const pair of isMap(block) ? block.items : []) {
    const name = keyText(pair);
    const value = resolve(file, pair.value);
    const text = isMap(value)
      ? scalarText(file, findPair(file, value, "value")?.pair.value)
      : scalarText(file, value);
    if (name !== null && text !== null) variables.set(name, text);
  }
  return variables;
}

/** A holder's image name, written as text or as a map with `name`. */
export function readImage(file: YamlFile, map: YAMLMap): string | null {
  const image = resolve(file, findPair(file, map, "image")?.pair.value);
  return isMap(image)
    ? scalarText(file, findPair(file, image, "name")?.pair.value)
    : scalarText(file, image);
}

/** One line of shell from a script, continuation lines joined. */
export interface ScriptLine {
  readonly text: string;
  /** Line of the source. */
  readonly line: number;
}

const SCRIPT_KEYS = ["before_script", "script", "after_script"] as const;

/** The script lines that a holder brings itself or through an alias, comments left out. */
export function readScript(file: YamlFile, map: YAMLMap): readonly ScriptLine[] {
  const nodes = SCRIPT_KEYS.flatMap((key) =>
    scriptNodes(file, findPair(file, map, key)?.pair.value, 0),
  );
  return nodes.flatMap((node) => scriptLines(file, node));
}

function scriptNodes(file: YamlFile, value: unknown, depth: number): readonly Node[] {
  const node = resolve(file, value);
  // GitLab refuses lists nested deeper than this.
  if (node === null || isReference(node) || depth > 10) return [];
  return isSeq(node) ? node.items.flatMap((item) => scriptNodes(file, item, depth + 1)) : [node];
}

function scriptLines(file: YamlFile, node: Node): readonly ScriptLine[] {
  const text = scalarText(file, node);
  if (text === null) return [];
  const first = file.lineAt(startOf(node));
  // In `|` and `>` the text begins on the line below its mark.
  const isBlock = /^[|>]/.test(file.source.slice(startOf(node), endOf(file.source, node)));
  const lines: ScriptLine[] = [];
  for (const [number, part] of text.split("\n").entries()) {
    const previous = lines.at(-1);
    if (previous?.text.endsWith("\\") === true) {
      lines[lines.length - 1] = {
        ...previous,
        text: `${previous.text.slice(0, -1)} ${part.trim()}`,
      };
    } else {
      lines.push({ text: part.trim(), line: first + (isBlock ? number + 1 : 0) });
    }
  }
  return lines.filter((line) => line.text !== "" && !line.text.startsWith("#"));
}
