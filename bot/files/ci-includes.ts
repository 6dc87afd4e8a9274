import { type Node, isMap, isSeq } from "yaml";

import { findHolders, findRoots } from "./ci-file.ts";
import { type YamlFile, findPair, resolve, scalarText, startOf } from "./yaml-file.ts";

/** Where included configuration comes from; only `local` is in this repository. */
type IncludeSource = "local" | "template" | "project" | "remote" | "component";

/** One entry of `include`, of the pipeline or of a child pipeline's `trigger`. */
export interface CiInclude {
  readonly source: IncludeSource;
  /** Path, template name, project, URL or component address, as written. */
  readonly target: string;
  readonly line: number;
}

const FOREIGN = ["template", "project", "remote", "component"] as const;

/** Reads what a CI file includes, the child pipelines that its jobs trigger among them. */
export function readIncludes(file: YamlFile): readonly CiInclude[] {
  const values = findRoots(file).map((root) => findPair(file, root, "include")?.pair.value);
  for (const { name, map } of findHolders(file)) {
    const trigger =
      name === null ? null : resolve(file, findPair(file, map, "trigger")?.pair.value);
    if (isMap(trigger)) values.push(findPair(file, trigger, "include")?.pair.value);
  }
  return values.flatMap((value) => readEntries(file, value));
}

function readEntries(file: YamlFile, value: unknown): readonly CiInclude[] {
  const node = resolve(file, value);
  if (node === null) return [];
  return isSeq(node)
    ? node.items.flatMap((item) => readEntry(file, resolve(file, item)))
    : readEntry(file, node);
}

function readEntry(file: YamlFile, node: Node | null): readonly CiInclude[] {
  if (node === null) return [];
  const line = file.lineAt(startOf(node));
  if (!isMap(node)) {
    const target = scalarText(file, node);
    if (target === null) return [];
    return [{ source: /^https?:\/\//.test(target) ? "remote" : "local", target, line }];
  }
  const local = scalarText(file, findPair(file, node, "local")?.pair.value);
  if (local !== null) return [{ source: "local", target: local, line }];
  for (const source of FOREIGN) {
    const target = scalarText(file, findPair(file, node, source)?.pair.value);
    if (target !== null) return [{ source, target, line }];
  }
  return [];
}
