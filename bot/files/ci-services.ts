import { type Node, type YAMLMap, type YAMLSeq, isAlias, isMap, isScalar, isSeq } from "yaml";

import { type CiHolder, type ServiceSite, isReference, readVariables } from "./ci-file.ts";
import type { CiFacts } from "./ci-facts.ts";
import { type ServiceClass, type Variables, classifyService } from "./dind.ts";
import {
  type YamlFile,
  findPair,
  mergeSources,
  resolve,
  scalarText,
  textList,
} from "./yaml-file.ts";

/** A list of arguments, as a service's `entrypoint` or `command` has it. */
export type Arguments =
  | { readonly form: "absent" }
  /** `command:` with nothing behind it. */
  | { readonly form: "empty"; readonly node: Node; readonly key: Node }
  | { readonly form: "list"; readonly node: YAMLSeq; readonly texts: readonly string[] }
  /** A text where GitLab wants a list, a `!reference`, or a list with something else in it. */
  | { readonly form: "odd"; readonly node: Node; readonly isText: boolean };

/** A service with everything that decides about it. */
export interface Service {
  readonly site: ServiceSite;
  /** The scalar or map that the site means. */
  readonly target: Node;
  /** As written, variables unexpanded. */
  readonly name: string;
  readonly class: ServiceClass;
  readonly variables: Variables;
  /** The map that holds `name`; `null` for a service that is a mere name. */
  readonly nameOwner: YAMLMap | null;
  readonly entrypoint: Arguments;
  readonly command: Arguments;
}

/** Reads a site as a service; `null` where it names no image. */
export function readService(file: YamlFile, site: ServiceSite, facts: CiFacts): Service | null {
  const target = resolve(file, site.node);
  if (target === null) return null;
  const found = isMap(target) ? findPair(file, target, "name") : null;
  const name = isMap(target) ? scalarText(file, found?.pair.value) : scalarText(file, target);
  if (name === null) return null;
  const variables = variablesOf(file, site.holder, { facts, name });
  const absent = { form: "absent" } as const;
  return {
    site,
    target,
    name,
    class: classifyService(name, variables),
    variables,
    nameOwner: found?.owner ?? null,
    entrypoint: isMap(target) ? readArguments(file, target, "entrypoint") : absent,
    command: isMap(target) ? readArguments(file, target, "command") : absent,
  };
}

/** A job's own variables come before the global ones; looked up only where the name holds any. */
function variablesOf(
  file: YamlFile,
  holder: CiHolder,
  { facts, name }: { readonly facts: CiFacts; readonly name: string },
): Variables {
  if (!name.includes("$")) return facts.variables;
  return new Map([...facts.variables, ...readVariables(file, holder.map)]);
}

function readArguments(file: YamlFile, map: YAMLMap, key: string): Arguments {
  const found = findPair(file, map, key);
  if (found === null) return { form: "absent" };
  const { pair } = found;
  const node = resolve(file, pair.value);
  if (node === null) return { form: "absent" };
  if (isScalar(node) && node.value === null) {
    return { form: "empty", node: pair.value as Node, key: pair.key as Node };
  }
  const texts = isSeq(node) && !isReference(node) ? textList(file, node) : null;
  if (isSeq(node) && texts !== null) return { form: "list", node, texts };
  return { form: "odd", node, isText: isScalar(node) };
}

/**
 * Whether everything that shares a node through aliases and merge keys is a Docker daemon: only then may the node be
 * changed for all of them at once.
 */
export function isSharedByDindOnly(file: YamlFile, node: Node, facts: CiFacts): boolean {
  const places = [node, ...(file.uses.get(node) ?? [])];
  return places.every((place) => {
    const service = enclosingService(file, place);
    if (service === null) return place === node;
    const name = scalarText(file, findPair(file, service, "name")?.pair.value);
    return name !== null && classifyService(name, facts.variables) === "dind";
  });
}

/** The map with an image name that a node is, is a value of, or is merged into. */
function enclosingService(file: YamlFile, place: Node): YAMLMap | null {
  const parent = file.parentOf(place);
  const target = resolve(file, place);
  // An alias in a list stands for the map itself, unless it is a list of maps to merge.
  const grandparent = isSeq(parent) ? file.parentOf(parent) : null;
  const isMerged =
    isMap(grandparent) && mergeSources(file, grandparent).some((map) => map === target);
  const isItem = isSeq(parent) && !isMerged;
  const candidates = isAlias(place)
    ? [isMerged ? grandparent : parent, isItem ? target : null]
    : [isSeq(place) ? null : place, parent];
  for (const candidate of candidates) {
    if (isMap(candidate) && findPair(file, candidate, "name") !== null) return candidate;
  }
  return null;
}
