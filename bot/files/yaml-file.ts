import {
  type Alias,
  type Document,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseAllDocuments,
} from "yaml";

import { lineCounter } from "./source-text.ts";

/** Steps to a node in {@link yamlData}'s shape. */
type YamlPath = readonly (string | number)[];

/** A YAML source read for its ranges: nothing is ever written back out of these trees. */
export interface YamlFile {
  readonly source: string;
  readonly documents: readonly Document.Parsed[];
  /** Line, from 1, of an offset. */
  lineAt(offset: number): number;
  pathOf(this: void, node: Node): YamlPath;
  /** The map or list that a node is an item, a key or a value of. */
  parentOf(this: void, node: Node): Node | null;
  /** What each alias stands for: the last anchor of its name before it. */
  readonly targets: ReadonlyMap<Alias, Node>;
  readonly uses: ReadonlyMap<Node, readonly Alias[]>;
}

/** Why a source could not be read. */
export interface YamlProblem {
  readonly line: number;
  readonly message: string;
}

/** Reads YAML the way GitLab does: duplicate keys pass, tags are kept, an alias without anchor is an error. */
export function readYaml(source: string): YamlFile | YamlProblem {
  const lineAt = lineCounter(source);
  try {
    const parsed = parseAllDocuments(source, { keepSourceTokens: true, uniqueKeys: false });
    const documents = Array.isArray(parsed) ? parsed : [];
    // libyaml, which GitLab uses, is laxer in one thing: brackets may go on left of their key. Those files are left.
    const error = documents.flatMap(({ errors }) => errors)[0];
    if (error !== undefined) {
      return { line: lineAt(error.pos[0]), message: firstLine(error.message) };
    }
    return index({ source, documents, lineAt });
  } catch (error) {
    // Thousands of nested brackets exhaust the parser's stack; whatever else it throws is no better.
    return { line: 1, message: error instanceof Error ? firstLine(error.message) : String(error) };
  }
}

/** Tells the two outcomes of {@link readYaml} apart. */
export function isYamlProblem(result: YamlFile | YamlProblem): result is YamlProblem {
  return "message" in result;
}

/**
 * A YAML source as plain data that keeps what two files must have in common: order of keys, duplicates, anchors,
 * aliases unresolved (so that a change at an anchor counts once) and tags. `null` where it does not parse.
 */
export function yamlData(source: string): unknown {
  const file = readYaml(source);
  return isYamlProblem(file) ? null : fileData(file);
}

/** The same of a file that was read already. */
export function fileData(file: YamlFile): unknown {
  return file.documents.map((document) => nodeData(document.contents));
}

/** One node in the shape of {@link yamlData}. */
export function nodeData(node: unknown): unknown {
  if (isAlias(node)) return { alias: node.source };
  if (isMap(node)) {
    const pairs = node.items.map(({ key, value }) => ({
      key: nodeData(key),
      value: nodeData(value),
    }));
    return { pairs, ...properties(node) };
  }
  if (isSeq(node)) return { items: node.items.map(nodeData), ...properties(node) };
  if (!isScalar(node)) return null;
  const extra = properties(node);
  return Object.keys(extra).length === 0 ? node.value : { value: node.value, ...extra };
}

function properties(node: Scalar | YAMLMap | YAMLSeq): { anchor?: string; tag?: string } {
  return {
    ...(node.anchor === undefined ? {} : { anchor: node.anchor }),
    ...(node.tag === undefined ? {} : { tag: node.tag }),
  };
}

function firstLine(message: string): string {
  return (message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "").slice(0, 200);
}

type Readable = Pick<YamlFile, "source" | "documents" | "lineAt">;

/** Where a node stands: its collection, or none at the top of a document, and the steps from there. */
interface Place {
  readonly parent: Node | null;
  readonly step: YamlPath;
}

interface Maps {
  readonly places: Map<Node, Place>;
  readonly targets: Map<Alias, Node>;
  readonly uses: Map<Node, Alias[]>;
  readonly anchors: Map<string, Node>;
}

function index(file: Readable): YamlFile | YamlProblem {
  const maps: Maps = {
    places: new Map(),
    targets: new Map(),
    uses: new Map(),
    anchors: new Map(),
  };
  for (const [number, { contents }] of file.documents.entries()) {
    maps.anchors.clear();
    if (contents !== null) maps.places.set(contents, { parent: null, step: [number] });
    const lost = visit(contents, maps);
    if (lost !== null) {
      return {
        line: file.lineAt(lost.range?.[0] ?? 0),
        message: `the alias *${lost.source} has no anchor`,
      };
    }
  }
  const { places, targets, uses } = maps;
  const parentOf = (node: Node): Node | null => places.get(node)?.parent ?? null;
  return { ...file, targets, uses, parentOf, pathOf: (node) => pathOf(places, node) };
}

function pathOf(places: ReadonlyMap<Node, Place>, node: Node): YamlPath {
  const steps: YamlPath[] = [];
  for (let at: Node | null = node; at !== null; at = places.get(at)?.parent ?? null) {
    steps.unshift(places.get(at)?.step ?? []);
  }
  return steps.flat();
}

/** Walks in the order of the text, since an alias means the last anchor before it. Returns an alias without one. */
function visit(node: unknown, maps: Maps): Alias | null {
  if (isAlias(node)) {
    const target = maps.anchors.get(node.source);
    if (target === undefined) return node;
    maps.targets.set(node, target);
    const uses = maps.uses.get(target);
    if (uses === undefined) maps.uses.set(target, [node]);
    else uses.push(node);
    return null;
  }
  if (!isNode(node)) return null;
  if (node.anchor !== undefined) maps.anchors.set(node.anchor, node);
  for (const [child, step] of children(node)) {
    if (!isNode(child)) continue;
    maps.places.set(child, { parent: node, step });
    const lost = visit(child, maps);
    if (lost !== null) return lost;
  }
  return null;
}

function children(node: Node): readonly (readonly [unknown, YamlPath])[] {
  if (isMap(node)) {
    return node.items.flatMap(({ key, value }, number) => [
      [key, ["pairs", number, "key"]] as const,
      [value, ["pairs", number, "value"]] as const,
    ]);
  }
  return isSeq(node) ? node.items.map((item, number) => [item, ["items", number]]) : [];
}

/** Follows an alias to what it stands for. */
export function resolve(file: YamlFile, node: unknown): Node | null {
  if (isAlias(node)) return file.targets.get(node) ?? null;
  return isNode(node) ? node : null;
}

/** A pair with its place in the map that holds it. */
export interface OwnedPair {
  readonly owner: YAMLMap;
  readonly pair: Pair;
  /** Index of the pair in its owner. */
  readonly number: number;
}

/** The pair that counts for a key: the last of its name, else what merge keys bring in. */
export function findPair(file: YamlFile, map: YAMLMap, key: string): OwnedPair | null {
  return findPairWithin(file, { map, key, depth: 0 });
}

interface PairSearch {
  readonly map: YAMLMap;
  readonly key: string;
  /** Merge keys may run in circles; twenty are more than anybody reads. */
  readonly depth: number;
}

function findPairWithin(file: YamlFile, { map, key, depth }: PairSearch): OwnedPair | null {
  const number = map.items.findLastIndex((pair) => keyText(pair) === key);
  const pair = map.items[number];
  if (pair !== undefined) return { owner: map, pair, number };
  if (depth > 20) return null;
  for (const source of mergeSources(file, map)) {
    const found = findPairWithin(file, { map: source, key, depth: depth + 1 });
    if (found !== null) return found;
  }
  return null;
}

/** The maps that `<<` brings into a map, the strongest first. */
export function mergeSources(file: YamlFile, map: YAMLMap): readonly YAMLMap[] {
  const merged = map.items
    .filter((pair) => keyText(pair) === "<<")
    .map(({ value }) => resolve(file, value));
  return merged
    .flatMap((node) => (isSeq(node) ? node.items.map((item) => resolve(file, item)) : [node]))
    .filter((node) => isMap(node));
}

/** A pair's key as text, or `null` where it is no scalar. */
export function keyText(pair: Pair): string | null {
  return isScalar(pair.key) ? String(pair.key.value) : null;
}

/** A node's value as text where it is a scalar with one; follows an alias. */
export function scalarText(file: YamlFile, node: unknown): string | null {
  const resolved = resolve(file, node);
  if (!isScalar(resolved) || resolved.value === null || resolved.value === undefined) return null;
  // `24` and `1.10` are numbers to YAML and were names to their author: the text as written.
  return typeof resolved.value === "string" ? resolved.value : (resolved.source ?? null);
}

/** A node's texts where it is a list of scalars, or a scalar for a list of one; `null` for anything else. */
export function textList(file: YamlFile, node: unknown): readonly string[] | null {
  const resolved = resolve(file, node);
  if (!isSeq(resolved)) {
    const text = scalarText(file, resolved);
    return text === null ? null : [text];
  }
  const texts = resolved.items.map((item) => scalarText(file, item));
  return texts.every((text) => text !== null) ? texts : null;
}

/** Offset of the first character of a node's value, after anchor and tag. */
export function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

/** Offset after a node's last character, without the line break that a block ends with. */
export function endOf(source: string, node: Node): number {
  const start = startOf(node);
  let end = node.range?.[1] ?? start;
  while (end > start && /\s/.test(source[end - 1] ?? "")) end -= 1;
  return end;
}
