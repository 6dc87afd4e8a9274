import { planKaniko } from "./ci-kaniko.ts";
import { planIncludes } from "./ci-override.ts";
import { findServices } from "./ci-file.ts";
import { lintCi } from "./ci-lint.ts";
import { planClients, planIdleVariables, planScripts } from "./ci-scripts.ts";
import { type Service, readService } from "./ci-services.ts";
import { planService } from "./ci-service-edit.ts";
import { type ServiceEditing, suggest } from "./ci-editing.ts";
import type { Edit, EditOptions, FileKind, FilePlan, Left, SourceFile } from "./types.ts";
import { type YamlFile, fileData, isYamlProblem, readYaml, yamlData } from "./yaml-file.ts";

/** `.gitlab-ci.yml` and every file of the repository that it includes. */
export const gitlabCi: FileKind = {
  id: "gitlab-ci",
  layer: "ci",
  matches: (path, { ci }) => ci.paths.has(path),
  plan,
  lint: lintCi,
  data: yamlData,
};

function plan(source: SourceFile, options: EditOptions): FilePlan {
  const file = readYaml(source.source);
  if (isYamlProblem(file)) {
    return { edits: [], left: [unreadable(file)] };
  }
  const { ci } = source.repository;
  const found = [
    ...planServices(file, source, options),
    ...planKaniko(file, ci, options),
    ...planScripts(file, options.mirror),
    ...planClients(file, ci),
    ...planIdleVariables(file, ci, options),
    ...planIncludes(file, source, options),
  ];
  return { ...sortOut(found), data: () => fileData(file) };
}

/** A file that GitLab refuses as well: not ours to mend. */
function unreadable(problem: { readonly line: number; readonly message: string }): Left {
  return {
    verdict: "leave",
    line: problem.line,
    code: "unreadable",
    reason: `does not parse: ${problem.message}`,
    attention: true,
  };
}

/** Sorts what was found into edits and the rest, each in the order of the text. */
function sortOut(found: readonly (Edit | Left)[]): FilePlan {
  const sorted = found.toSorted((a, b) => a.line - b.line);
  return {
    edits: sorted.filter((item) => item.verdict === "edit"),
    left: sorted.filter((item) => item.verdict !== "edit"),
  };
}

function planServices(
  file: YamlFile,
  { repository: { ci } }: SourceFile,
  options: EditOptions,
): readonly (Edit | Left)[] {
  const sites = findServices(file, ci.references);
  const listed = new Set(sites.map(({ node }) => node));
  const editing = { file, facts: ci, options, listed };
  const done = new Set<unknown>();
  const found: (Edit | Left)[] = [];
  for (const site of sites) {
    const service = readService(file, site, ci);
    const changed = service === null ? null : changedNode(editing, service);
    if (service === null || done.has(changed)) continue;
    done.add(changed);
    if (service.class === "dind") found.push(planService(editing, service));
    if (service.class === "unknown") {
      const reason =
        "the variable is set nowhere in this repository: whether it is a Docker daemon cannot be told";
      found.push(suggest(editing, service, ["unknown-image", reason]));
    }
    if (service.class === "similar") {
      const reason = "looks like a Docker daemon, and is none of the images known to be one";
      found.push(suggest(editing, service, ["similar-image", reason]));
    }
  }
  return found;
}

/** The node that an edit of a service would change: two services that share it need one edit. */
function changedNode({ file, listed }: ServiceEditing, service: Service): unknown {
  const { command, nameOwner, site, target } = service;
  if (command.form === "list" || command.form === "empty") return command.node;
  if (nameOwner !== null) return nameOwner;
  // An alias follows the edit at its anchor where the name there becomes a map; any other is edited itself.
  const uses = file.uses.get(target) ?? [];
  return listed.has(target) && uses.every((use) => listed.has(use)) ? target : site.node;
}
