import type { AST } from "toml-eslint-parser";

import { lintDaemonService, lintMirrorUrl } from "./dind-lint.ts";
import { findMirrorFlags } from "./dockerd-command.ts";
import { type Finding, finding } from "./finding.ts";
import type { Mirror } from "./mirror.ts";
import { type Runner, type RunnerService, isRunnerConfig, readRunners } from "./runner-model.ts";
import { type TomlFile, isTomlProblem, readToml, tomlText, tomlTexts } from "./toml-file.ts";
import type { SourceFile } from "./types.ts";

/** Names the mistakes of a runner's configuration. */
export function lintRunnerConfig(
  { source, repository }: SourceFile,
  mirror: Mirror | null,
): readonly Finding[] {
  const file = readToml(source);
  if (isTomlProblem(file) || !isRunnerConfig(file)) return [];
  return readRunners(file)
    .flatMap((runner) => [
      ...lintServices(file, runner, mirror),
      ...lintMount(file, runner, repository.ci.setsMirrorFlag),
      ...lintMachine(file, runner),
    ])
    .toSorted((a, b) => a.line - b.line);
}

function lintServices(file: TomlFile, runner: Runner, mirror: Mirror | null): readonly Finding[] {
  const found: Finding[] = [];
  for (const service of runner.services.filter((item) => item.class === "dind")) {
    const line = file.lineAt(service.table.node.range[0]);
    const command = tomlTexts(service.command?.value) ?? [];
    const entrypoint = tomlTexts(service.entrypoint?.value);
    const daemon = {
      name: service.name ?? "",
      variables: new Map<string, string>(),
      line,
      entrypoint,
      command,
      commandLines: linesOf(file, service),
    };
    // A mounted file sets the mirror where it is mounted; whether it is ours is not known here.
    found.push(...lintDaemonService(daemon, runner.daemonMount === null ? mirror : null));
    if (runner.honoursEntrypoint !== null && command.length > 0) {
      const message = `${daemon.name}: with FF_KUBERNETES_HONOR_ENTRYPOINT the Kubernetes executor drops a service's command, the mirror flag in it as well.`;
      found.push(
        finding("honor-entrypoint", file.lineAt(runner.honoursEntrypoint.range[0]), message),
      );
    }
  }
  return found;
}

function linesOf(file: TomlFile, { command }: RunnerService): readonly number[] {
  const elements = command?.value.type === "TOMLArray" ? command.value.elements : [];
  return elements.map((element: AST.TOMLContentNode) => file.lineAt(element.range[0]));
}

/** A daemon.json mounted into every container, and a flag: from the runner's services, or from a job's. */
function lintMount(
  file: TomlFile,
  { daemonMount, services }: Runner,
  ciSetsFlag: boolean,
): readonly Finding[] {
  if (daemonMount === null) return [];
  const flagged = services.find(
    (service) => findMirrorFlags(tomlTexts(service.command?.value) ?? []).length > 0,
  );
  if (flagged === undefined && !ciSetsFlag) return [];
  const who = flagged?.name ?? "a dind service of this repository's jobs";
  const message = `A daemon.json is mounted into every service, and ${who} has a mirror flag: dockerd refuses to start where both set mirrors, even the same one.`;
  return [finding("flag-and-file", file.lineAt(daemonMount.range[0]), message)];
}

function lintMachine(file: TomlFile, { machineOptions }: Runner): readonly Finding[] {
  const elements = machineOptions?.value.type === "TOMLArray" ? machineOptions.value.elements : [];
  return elements.flatMap((element) => {
    const value = /^engine-registry-mirror=(.*)$/.exec(tomlText(element) ?? "")?.[1];
    if (value === undefined) return [];
    const item = lintMirrorUrl(value, file.lineAt(element.range[0]), {
      name: "MachineOptions",
      major: null,
    });
    return item === null ? [] : [item];
  });
}
