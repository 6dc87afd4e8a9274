import { isSeq } from "yaml";

import { findHolders, findServices, readVariables } from "./ci-file.ts";
import type { CiFacts } from "./ci-facts.ts";
import { findKanikoJobs } from "./ci-kaniko.ts";
import { findIdleVariables, findScriptPulls } from "./ci-scripts.ts";
import { type Arguments, type Service, readService } from "./ci-services.ts";
import { type DaemonService, lintDaemonService, lintMirrorHost } from "./dind-lint.ts";
import { type Finding, finding } from "./finding.ts";
import { type Mirror, isSameMirror } from "./mirror.ts";
import type { SourceFile } from "./types.ts";
import { type YamlFile, isYamlProblem, readYaml, startOf } from "./yaml-file.ts";

/** Names the mirror mistakes of a CI file. */
export function lintCi(
  { source, repository }: SourceFile,
  mirror: Mirror | null,
): readonly Finding[] {
  const file = readYaml(source);
  if (isYamlProblem(file)) {
    const message = `The file does not parse, so nothing in it was checked: ${file.message}.`;
    return [finding("unreadable", file.line, message)];
  }
  const { ci } = repository;
  return [
    ...lintServices(file, ci, mirror),
    ...lintKaniko(file, ci, mirror),
    ...lintScripts(file, mirror),
    ...findIdleVariables(file, ci).map(({ name, line }) =>
      finding(
        "idle-variable",
        line,
        `dockerd in a dind service does not read ${name}: the mirror in it is not used.`,
      ),
    ),
  ].toSorted((a, b) => a.line - b.line);
}

function lintServices(file: YamlFile, facts: CiFacts, mirror: Mirror | null): readonly Finding[] {
  const found: Finding[] = [];
  const seen = new Set<unknown>();
  for (const site of findServices(file, facts.references)) {
    const service = readService(file, site, facts);
    if (service?.class !== "dind" || seen.has(service.target)) continue;
    seen.add(service.target);
    const daemon = asDaemon(file, service);
    if (daemon === null) continue;
    found.push(...lintDaemonService(daemon, mirror));
    if (daemon.command.length > 0 && honoursEntrypoint(file, service, facts)) {
      const message = `${service.name}: with FF_KUBERNETES_HONOR_ENTRYPOINT the Kubernetes executor drops a service's command, the mirror flag in it as well.`;
      found.push(finding("honor-entrypoint", daemon.line, message));
    }
  }
  return found;
}

function asDaemon(file: YamlFile, service: Service): DaemonService | null {
  const { command, entrypoint, name, variables } = service;
  if (command.form === "odd" || entrypoint.form === "odd") return null;
  return {
    name,
    variables,
    line: file.lineAt(startOf(service.site.node)),
    entrypoint: entrypoint.form === "list" ? entrypoint.texts : null,
    command: command.form === "list" ? command.texts : [],
    commandLines: linesOf(file, command),
  };
}

function linesOf(file: YamlFile, list: Arguments): readonly number[] {
  if (list.form !== "list" || !isSeq(list.node)) return [];
  return list.node.items.map((item) => file.lineAt(startOf(item as Parameters<typeof startOf>[0])));
}

/** The flag may be set for all jobs, or for the job itself. */
function honoursEntrypoint(file: YamlFile, service: Service, facts: CiFacts): boolean {
  const flag = "FF_KUBERNETES_HONOR_ENTRYPOINT";
  const own = readVariables(file, service.site.holder.map).get(flag);
  const roots = findHolders(file).filter(({ name }) => name === null);
  const local = roots.map(({ map }) => readVariables(file, map).get(flag));
  const value = own ?? facts.variables.get(flag) ?? local.find((text) => text !== undefined);
  return /^(?:1|true|yes|on)$/i.test(value ?? "");
}

function lintKaniko(file: YamlFile, facts: CiFacts, mirror: Mirror | null): readonly Finding[] {
  return findKanikoJobs(file, facts).flatMap(({ holder, line, variable, flag }) => {
    const who = `kaniko in ${holder.name ?? ""}`;
    const value = flag?.value ?? variable;
    if (value === null) {
      const message = `${who} knows nothing of the Docker daemon's mirror and pulls every base image from Docker Hub.`;
      return [finding("kaniko-ignores-daemon", line, message)];
    }
    const host = lintMirrorHost(value, flag?.line ?? line, who);
    if (host !== null) return [host];
    return mirror === null || isSameMirror(value, mirror)
      ? []
      : [
          finding(
            "not-mirrored",
            flag?.line ?? line,
            `${who} does not use the mirror ${mirror.host}.`,
          ),
        ];
  });
}

function lintScripts(file: YamlFile, mirror: Mirror | null): readonly Finding[] {
  return findScriptPulls(file).flatMap(({ tool, job, line }) => {
    if (tool === "buildx") {
      const message = `The builder that ${job} makes runs in a container of its own and ignores the Docker daemon's mirror.`;
      return [finding("buildx-container-driver", line, message)];
    }
    if (tool !== "dockerd") {
      const message = `${tool} in ${job} knows nothing of the Docker daemon's mirror and pulls from Docker Hub.`;
      return [finding(`${tool}-ignores-daemon`, line, message)];
    }
    if (mirror === null) return [];
    const message = `The dockerd that ${job} starts does not use the mirror ${mirror.url}.`;
    return [finding("not-mirrored", line, message)];
  });
}
