import { type Variables, dindMajor } from "./dind.ts";
import { decide } from "./dind-decision.ts";
import { findBrokenFlag, findLaunch, findMirrorFlags } from "./dockerd-command.ts";
import { type Finding, finding } from "./finding.ts";
import type { Mirror } from "./mirror.ts";

/** A Docker daemon among services, with the lines that its arguments stand on. */
export interface DaemonService {
  readonly name: string;
  readonly variables: Variables;
  readonly line: number;
  readonly entrypoint: readonly string[] | null;
  readonly command: readonly string[];
  /** Line of each item of `command`. */
  readonly commandLines: readonly number[];
}

/** Names what keeps a Docker daemon's mirror from working, wherever the service is written. */
export function lintDaemonService(
  service: DaemonService,
  mirror: Mirror | null,
): readonly Finding[] {
  const { name, command, line } = service;
  const entrypoint = service.entrypoint ?? [];
  const found = [...lintVariables(service), ...lintFlags(service)];
  if (
    findLaunch(service.entrypoint, command) !== "arguments" &&
    findMirrorFlags(command).length > 0
  ) {
    const message = `${name}: the entrypoint does not hand the mirror flag on to dockerd, which runs without it.`;
    found.push(
      finding("shell-entrypoint", lineOf(service, findMirrorFlags(command)[0]?.index), message),
    );
  }
  const all = [...entrypoint, ...command];
  if (all.some((arg) => arg.startsWith("--config-file")) && findMirrorFlags(all).length > 0) {
    const message = `${name} has a mirror flag and a --config-file: dockerd refuses to start where both set mirrors, even the same one.`;
    found.push(finding("flag-and-file", line, message));
  }
  if (
    mirror !== null &&
    decide({ entrypoint: service.entrypoint, command }, { mirror }).action !== "already"
  ) {
    found.push(finding("not-mirrored", line, `${name} does not use the mirror ${mirror.url}.`));
  }
  return found;
}

function lineOf({ commandLines, line }: DaemonService, index: number | undefined): number {
  return commandLines[index ?? -1] ?? line;
}

/** A shell expands variables of the container; without one nobody does. */
function lintVariables(service: DaemonService): Finding[] {
  const { name, entrypoint, command } = service;
  if (findLaunch(entrypoint, command) === "shell") return [];
  return command.flatMap((arg, index) => {
    const variable = /\$\{?\w+\}?/.exec(arg)?.[0];
    if (variable === undefined) return [];
    const message = `${name}: GitLab does not expand variables in a service's command, so dockerd gets ${variable} as it stands.`;
    return [finding("service-command-variable", lineOf(service, index), message)];
  });
}

function lintFlags(service: DaemonService): Finding[] {
  const { name, command } = service;
  const found: Finding[] = [];
  const broken = findBrokenFlag(command);
  if (broken !== null) {
    const message = `${name}: dockerd does not know the flag "${command[broken]}" and exits.`;
    found.push(finding("flag-not-split", lineOf(service, broken), message));
  }
  for (const { value, valueIndex } of findMirrorFlags(command)) {
    const item = lintMirrorUrl(value, lineOf(service, valueIndex), {
      name,
      major: majorOf(service),
    });
    if (item !== null && !value.includes("$")) found.push(item);
  }
  return found;
}

/** A floating tag such as `docker:dind` is a current one. */
function majorOf({ name, variables }: DaemonService): number | null {
  return (
    dindMajor(name, variables) ?? (/(?:^|\/)(?:docker:dind|dind)\b/.test(name) ? Infinity : null)
  );
}

/** Who reads a mirror's URL, and since when: `null` for a version that is not known. */
export interface UrlReader {
  readonly name: string;
  readonly major: number | null;
}

/** Judges the URL of a mirror as dockerd does. */
export function lintMirrorUrl(value: string, line: number, reader: UrlReader): Finding | null {
  if (!/^https?:\/\//i.test(value)) {
    const message = `${reader.name}: dockerd refuses the mirror "${value}", which has no http:// or https://, and does not start.`;
    return finding("mirror-url-scheme", line, message);
  }
  const hasPath = /^https?:\/\/[^/]+\/+[^/]/i.test(value);
  if (!hasPath || (reader.major ?? 0) >= 25) return null;
  const which = reader.major === null ? "before version 25" : `of version ${reader.major}`;
  const message = `${reader.name}: dockerd ${which} refuses the mirror "${value}" for its path, and does not start.`;
  const item = finding("mirror-url-path", line, message);
  return reader.major === null ? { ...item, severity: "warning" } : item;
}

/** Judges a mirror that has to be a bare host, as BuildKit and kaniko want it. */
export function lintMirrorHost(value: string, line: number, who: string): Finding | null {
  if (!/^\w+:\/\//.test(value)) return null;
  const message = `${who} takes "${value}" for the name of a host, and never reaches it.`;
  return finding("mirror-host-only", line, message);
}
