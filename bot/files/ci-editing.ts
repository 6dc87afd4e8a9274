import { type Node, isMap } from "yaml";

import type { CiFacts } from "./ci-facts.ts";
import type { Service } from "./ci-services.ts";
import { dindMajor, hasDockerAlias } from "./dind.ts";
import { mirrorArgument } from "./dockerd-command.ts";
import type { Edit, EditOptions, Left } from "./types.ts";
import { type YamlFile, keyText, startOf } from "./yaml-file.ts";

/** What the edits of one CI file share. */
export interface ServiceEditing {
  readonly file: YamlFile;
  readonly facts: CiFacts;
  readonly options: EditOptions;
  /** All nodes that stand in services lists. */
  readonly listed: ReadonlySet<Node>;
}

/** The note that goes with an edit, if any. */
function noteFor({ options }: ServiceEditing, service: Service): string | undefined {
  const notes: string[] = [];
  const { name } = service;
  if (name.includes("CI_DEPENDENCY_PROXY")) {
    notes.push("the image of this service itself comes from GitLab's Dependency Proxy");
  }
  if (!hasAlias(service) && !hasDockerAlias(name)) {
    notes.push("without `alias: docker` jobs do not find this service under the name docker");
  }
  if (options.mirror.hasPath && dindMajor(name, service.variables) === null) {
    notes.push("dockerd before version 25 refuses a mirror URL with a path");
  }
  return notes.length === 0 ? undefined : notes.join("; ");
}

function hasAlias({ target }: Service): boolean {
  return isMap(target) && target.items.some((pair) => keyText(pair) === "alias");
}

/** The edit itself, with what all edits of services have in common. */
export function serviceEdit(
  editing: ServiceEditing,
  service: Service,
  parts: Pick<Edit, "splices" | "changes"> & Partial<Pick<Edit, "why" | "purpose">>,
): Edit {
  const note = noteFor(editing, service);
  return {
    verdict: "edit",
    line: editing.file.lineAt(startOf(service.site.node)),
    why: `${service.name} gets --registry-mirror`,
    purpose: "mirror",
    ...parts,
    ...(note === undefined ? {} : { note }),
  };
}

/** Reasons to do nothing, where the others come with something to do by hand. */
const LEFT_AS_IT_IS: ReadonlySet<string> = new Set([
  "other-mirror",
  "broken-flag",
  "no-list",
  "old-dockerd",
]);

/** A place for a person, with the line to put in. */
export function suggest(
  { file, options }: ServiceEditing,
  service: Service,
  [code, reason]: readonly [string, string],
): Left {
  return {
    verdict: LEFT_AS_IT_IS.has(code) ? "leave" : "suggest",
    line: file.lineAt(startOf(service.site.node)),
    code,
    reason: `${service.name}: ${reason}`,
    // Put in by hand it would stop the daemon all the same.
    ...(code === "old-dockerd" ? {} : { snippet: mirrorArgument(options.mirror) }),
    attention: true,
  };
}
