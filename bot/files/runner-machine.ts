import type { AST } from "toml-eslint-parser";

import { isSameMirror } from "./mirror.ts";
import type { Runner } from "./runner-model.ts";
import type { Edit, EditOptions, Left, SourceFile, Splice } from "./types.ts";
import { type TomlFile, appendToList, findTomlPair, insertBefore, tomlTexts } from "./toml-file.ts";

/** What docker-machine hands to the daemons of the hosts it makes; covers job images and dind images too. */
const OPTION = "engine-registry-mirror";

/** GitLab's documented place for the file that a runner mounts into every dind. */
const HOST_FILE = "/opt/docker/daemon.json";

interface Within {
  readonly file: SourceFile;
  readonly options: EditOptions;
}

/** Plans what belongs to a runner as a whole: its machines, or a daemon.json for every dind of its jobs. */
export function planMachine(
  toml: TomlFile,
  runner: Runner,
  within: Within,
): readonly (Edit | Left)[] {
  if (runner.machine !== null) return [planOptions(toml, runner, within.options)];
  const mount = planMount(toml, runner, within);
  return mount === null ? [] : [mount];
}

function planOptions(toml: TomlFile, runner: Runner, options: EditOptions): Edit | Left {
  const { mirror, conflict } = options;
  const key = runner.machineOptions;
  const texts = tomlTexts(key?.value);
  const line = toml.lineAt((key ?? runner.machine?.node)?.range[0] ?? 0);
  if (key === null || texts === null || key.value.type !== "TOMLArray") {
    return {
      verdict: "suggest",
      line,
      code: "machine-options",
      reason:
        "the machines that this runner makes have no list of MachineOptions that an option could go into",
      snippet: `MachineOptions = ["${OPTION}=${mirror.url}"]`,
      attention: true,
    };
  }
  const others = texts.flatMap((text, index) => {
    const value = /^(?:engine-registry-mirror=|engine-opt=registry-mirror=)(.*)$/.exec(text)?.[1];
    return value === undefined ? [] : [{ index, value, text }];
  });
  if (others.some(({ value }) => isSameMirror(value, mirror))) {
    const reason = "the machines of this runner have this mirror already";
    return { verdict: "leave", line, code: "already-mirrored", reason, attention: false };
  }
  const list = others.map(({ value }) => value).join(", ");
  if (others.length > 0 && conflict === "leave") {
    const reason = `the machines of this runner use another mirror, ${list}`;
    return { verdict: "leave", line, code: "other-mirror", reason, attention: true };
  }
  const change = changeOptions(
    toml,
    { list: key.value, texts, indices: others.map(({ index }) => index) },
    options,
  );
  return {
    verdict: "edit",
    line,
    splices: change.splices,
    changes: [
      {
        op: "replace",
        path: [...(runner.machine?.path ?? []), "MachineOptions"],
        value: change.texts,
      },
    ],
    why:
      list === ""
        ? `the machines of this runner get ${OPTION}`
        : `${OPTION} instead of or before ${list}`,
    note: "reaches the daemons of the machines: job images and dind images, not what is pulled inside dind",
    purpose: "mirror",
  };
}

interface OptionList {
  readonly list: AST.TOMLArray;
  readonly texts: readonly string[];
  /** Where mirrors stand now. */
  readonly indices: readonly number[];
}

function changeOptions(
  { source }: TomlFile,
  { list, texts, indices }: OptionList,
  { mirror, conflict }: EditOptions,
): { readonly splices: readonly Splice[]; readonly texts: readonly string[] } {
  const option = `${OPTION}=${mirror.url}`;
  const [first] = indices;
  const element = first === undefined ? undefined : list.elements[first];
  if (first === undefined || element === undefined) {
    return { splices: appendToList(source, list, option), texts: [...texts, option] };
  }
  if (conflict === "prepend") {
    return {
      splices: [insertBefore(source, element, option)],
      texts: texts.toSpliced(first, 0, option),
    };
  }
  // A single value is replaced; of several, ours takes the first's place and the others stay behind it.
  return {
    splices: [{ start: element.range[0], end: element.range[1], text: JSON.stringify(option) }],
    texts: texts.with(first, option),
  };
}

/**
 * Mounts a daemon.json into every container of a privileged Docker runner that adds no dind itself.
 *
 * Done only where the same repository holds the file and no dind of it could get the flag: Docker makes a directory
 * of a path that does not exist, and flag and file together are fatal.
 */
function planMount(toml: TomlFile, runner: Runner, { file, options }: Within): Edit | Left | null {
  const { docker, executor, services, daemonMount } = runner;
  const socket = planSocket(toml, runner, options);
  if (socket !== null) return socket;
  if (daemonMount !== null && services.every((service) => service.class === "other")) {
    return {
      verdict: "suggest",
      line: toml.lineAt(daemonMount.range[0]),
      code: "file-mounted",
      reason:
        "every container of this runner gets a daemon.json mounted: the mirror belongs in that file, and no dind may have the flag as well",
      snippet: `{"registry-mirrors": ["${options.mirror.url}"]}`,
      attention: true,
    };
  }
  if (docker === null || daemonMount !== null || !(executor ?? "docker").startsWith("docker"))
    return null;
  const privileged = findTomlPair(docker, "privileged");
  const isPrivileged = privileged?.value.type === "TOMLValue" && privileged.value.value === true;
  if (
    !isPrivileged ||
    services.some((service) => service.class !== "other" || service.name === null)
  )
    return null;
  const volumes = findTomlPair(docker, "volumes");
  const texts = tomlTexts(volumes?.value);
  const mount = `${HOST_FILE}:/etc/docker/daemon.json:ro`;
  const line = toml.lineAt((volumes ?? docker.node).range[0]);
  const holdsFile = [...file.repository.paths].some((path) => `/${path}`.endsWith(HOST_FILE));
  const usesFlags = [...file.repository.ci.jobs.values()].some(
    ({ services: own }) => (own ?? []).length > 0,
  );
  if (!holdsFile || usesFlags || volumes?.value.type !== "TOMLArray" || texts === null) {
    return {
      verdict: "suggest",
      line,
      code: "runner-mount",
      reason: `the dind services of jobs on this runner take their mirror from their project, or all from one file on the host that is mounted here; never both`,
      snippet: `volumes = ["${mount}"], with ${HOST_FILE} holding {"registry-mirrors": ["${options.mirror.url}"]}`,
      attention: true,
    };
  }
  return {
    verdict: "edit",
    line,
    splices: appendToList(toml.source, volumes.value, mount),
    changes: [{ op: "replace", path: [...docker.path, "volumes"], value: [...texts, mount] }],
    why: "every dind of this runner gets the daemon.json of its host",
    note: `${HOST_FILE} must be on the host, and no project's dind may have --registry-mirror as well: dockerd refuses both together`,
    purpose: "mirror",
  };
}

/** Jobs that get the host's socket pull with the host's daemon: nothing in a project or here can change that. */
function planSocket(toml: TomlFile, { docker }: Runner, { mirror }: EditOptions): Left | null {
  const volumes = docker === null ? null : findTomlPair(docker, "volumes");
  const isShared = (tomlTexts(volumes?.value) ?? []).some((text) => text.includes("/docker.sock:"));
  if (volumes === null || !isShared) return null;
  return {
    verdict: "suggest",
    line: toml.lineAt(volumes.range[0]),
    code: "runner-socket",
    reason:
      "jobs on this runner pull with the host's own daemon, through its socket: the mirror belongs in the host's /etc/docker/daemon.json",
    snippet: `{"registry-mirrors": ["${mirror.url}"]}`,
    attention: true,
  };
}
