import type { AST } from "toml-eslint-parser";

import { type ServiceClass, classifyService } from "./dind.ts";
import {
  type TomlFile,
  type TomlPath,
  type TomlTable,
  findTomlPair,
  tomlText,
  tomlTexts,
} from "./toml-file.ts";

/** A service that a runner adds to every job. */
export interface RunnerService {
  readonly table: TomlTable;
  readonly name: string | null;
  readonly class: ServiceClass;
  readonly nameKey: AST.TOMLKeyValue | null;
  readonly command: AST.TOMLKeyValue | null;
  readonly entrypoint: AST.TOMLKeyValue | null;
}

/** One `[[runners]]` of a configuration, or a piece of one without its head. */
export interface Runner {
  /** What its tables' paths begin with; empty for a piece such as `[[runners.docker.services]]` alone. */
  readonly prefix: TomlPath;
  readonly services: readonly RunnerService[];
  /** The key that mounts a `daemon.json` into every container, if one does. */
  readonly daemonMount: AST.TOMLKeyValue | null;
  readonly docker: TomlTable | null;
  readonly machineOptions: AST.TOMLKeyValue | null;
  readonly machine: TomlTable | null;
  readonly executor: string | null;
  readonly honoursEntrypoint: AST.TOMLKeyValue | null;
}

/** Where dockerd looks for its file: what ends up there is read by every dind of the runner. */
const MOUNT_TARGET =
  /^\/(?:etc|root\/\.config|home\/rootless\/\.config)\/docker(?:\/daemon\.json)?$/;

/** Whether a TOML file is a runner's: it says `runners` at its top. */
export function isRunnerConfig(file: TomlFile): boolean {
  return file.tables.some(({ path }) => path[0] === "runners");
}

/** Reads each runner of a configuration. */
export function readRunners(file: TomlFile): readonly Runner[] {
  const prefixes = new Map<string, TomlPath>();
  for (const { path } of file.tables) {
    if (path[0] !== "runners") continue;
    const prefix = typeof path[1] === "number" ? path.slice(0, 2) : path.slice(0, 1);
    prefixes.set(prefix.join("."), prefix);
  }
  return [...prefixes.values()].map((prefix) => readRunner(file, prefix));
}

function readRunner(file: TomlFile, prefix: TomlPath): Runner {
  const within = file.tables.flatMap((table) => {
    const rest = restOf(table.path, prefix);
    return rest === null ? [] : [{ table, rest }];
  });
  const find = (path: string): TomlTable | null =>
    within.find(({ rest }) => rest.join(".") === path)?.table ?? null;
  const docker = find("docker");
  const machine = find("machine");
  const head = find("");
  const flags = [find("feature_flags"), find("")].flatMap((table) =>
    table === null ? [] : [table],
  );
  return {
    prefix,
    docker,
    machine,
    machineOptions: machine === null ? null : findTomlPair(machine, "MachineOptions"),
    executor: head === null ? null : tomlText(findTomlPair(head, "executor")?.value),
    services: within
      .filter(({ rest }) => /^(?:docker|kubernetes)\.services\.\d+$/.test(rest.join(".")))
      .map(({ table }) => readService(table)),
    daemonMount: findMount(docker, within),
    honoursEntrypoint: findHonoursEntrypoint(flags),
  };
}

function restOf(path: TomlPath, prefix: TomlPath): TomlPath | null {
  const isWithin = prefix.every((step, number) => path[number] === step);
  // `[runners.docker]` belongs to the piece without a number; `[[runners]]` to its own.
  return isWithin && !(prefix.length === 1 && typeof path[1] === "number")
    ? path.slice(prefix.length)
    : null;
}

function readService(table: TomlTable): RunnerService {
  const nameKey = findTomlPair(table, "name");
  const name = tomlText(nameKey?.value);
  return {
    table,
    name,
    class: name === null ? "other" : classifyService(name, new Map()),
    nameKey,
    command: findTomlPair(table, "command"),
    entrypoint: findTomlPair(table, "entrypoint"),
  };
}

function findMount(
  docker: TomlTable | null,
  within: readonly { readonly table: TomlTable; readonly rest: TomlPath }[],
): AST.TOMLKeyValue | null {
  const volumes = docker === null ? null : findTomlPair(docker, "volumes");
  const texts = tomlTexts(volumes?.value) ?? [];
  if (texts.some((text) => MOUNT_TARGET.test(text.split(":")[1] ?? ""))) return volumes;
  for (const { table, rest } of within) {
    if (rest[0] !== "kubernetes" || rest[1] !== "volumes") continue;
    const path = findTomlPair(table, "mount_path");
    if (path !== null && MOUNT_TARGET.test(tomlText(path.value) ?? "")) return path;
  }
  return null;
}

function findHonoursEntrypoint(tables: readonly TomlTable[]): AST.TOMLKeyValue | null {
  for (const table of tables) {
    const flag = findTomlPair(table, "FF_KUBERNETES_HONOR_ENTRYPOINT");
    if (flag?.value.type === "TOMLValue" && flag.value.value === true) return flag;
    const environment = findTomlPair(table, "environment");
    const texts = tomlTexts(environment?.value) ?? [];
    if (texts.some((text) => /^FF_KUBERNETES_HONOR_ENTRYPOINT=(?:1|true)$/i.test(text)))
      return environment;
  }
  return null;
}
