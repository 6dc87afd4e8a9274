import type { AST } from "toml-eslint-parser";

import { dindMajor } from "./dind.ts";
import { type Decision, decide, describeDecision } from "./dind-decision.ts";
import {
  type DataChange,
  type Edit,
  type EditOptions,
  type FileKind,
  type FilePlan,
  type Left,
  type SourceFile,
  type Splice,
} from "./types.ts";
import { MIRROR_FLAG, mirrorArgument, readFlagState } from "./dockerd-command.ts";
import { planMachine } from "./runner-machine.ts";
import { type Runner, type RunnerService, isRunnerConfig, readRunners } from "./runner-model.ts";
import { lintRunnerConfig } from "./runner-lint.ts";
import { endOfLine, lineBreakAt, textBefore } from "./source-text.ts";
import { isTemplatePath, planTemplate } from "./template.ts";
import {
  type TomlFile,
  appendToList,
  insertBefore,
  isTomlProblem,
  readToml,
  tomlData,
  tomlTexts,
} from "./toml-file.ts";

/** GitLab Runner's `config.toml`: services that a runner adds, mounts, and the hosts that docker-machine makes. */
export const runnerConfig: FileKind = {
  id: "runner-config",
  layer: "runner",
  matches: (path) => isRunnerPath(path),
  plan: (file, options) =>
    isTemplatePath(file.path) ? planTemplate(file, options) : planRunnerToml(file, options),
  lint: lintRunnerConfig,
  data: tomlData,
};

function isRunnerPath(path: string): boolean {
  const name = path
    .slice(path.lastIndexOf("/") + 1)
    .replace(/\.(?:j2|jinja2?|tpl|tftpl|tmpl|erb|example|sample|dist)$/i, "");
  return /\.toml$/i.test(name) && (/config|runner/i.test(name) || /runner/i.test(path));
}

/** Plans the TOML of a runner, be it a file or a part of another one. */
export function planRunnerToml(file: SourceFile, options: EditOptions): FilePlan {
  const toml = readToml(file.source);
  if (isTomlProblem(toml)) {
    return /^\s*\[+\s*runners\b/m.test(file.source) ? planUnreadable(file, toml, options) : NOTHING;
  }
  if (!isRunnerConfig(toml)) return NOTHING;
  const found = readRunners(toml).flatMap((runner) => planRunner(toml, runner, { file, options }));
  return {
    edits: found.filter((item) => item.verdict === "edit"),
    left: found.filter((item) => item.verdict !== "edit"),
  };
}

const NOTHING: FilePlan = { edits: [], left: [] };

function planUnreadable(
  file: SourceFile,
  problem: { readonly line: number; readonly message: string },
  options: EditOptions,
): FilePlan {
  if (/\{\{|\{%|<%|\$\{|%\{/.test(file.source)) return planTemplate(file, options);
  const reason = `does not parse as TOML: ${problem.message}`;
  return {
    edits: [],
    left: [{ verdict: "leave", line: problem.line, code: "unreadable", reason, attention: true }],
  };
}

interface Within {
  readonly file: SourceFile;
  readonly options: EditOptions;
}

function planRunner(toml: TomlFile, runner: Runner, within: Within): readonly (Edit | Left)[] {
  const found: (Edit | Left)[] = [];
  for (const service of runner.services) {
    const item = planService(toml, { runner, service }, within);
    if (item !== null) found.push(item);
  }
  return [...found, ...planMachine(toml, runner, within)].toSorted((a, b) => a.line - b.line);
}

interface Place {
  readonly runner: Runner;
  readonly service: RunnerService;
}

/** Reasons that come with nothing to do by hand in this place. */
const AS_IT_IS: ReadonlySet<string> = new Set(["other-mirror", "already-mirrored", "old-dockerd"]);

function planService(
  toml: TomlFile,
  { runner, service }: Place,
  { file, options }: Within,
): Edit | Left | null {
  const line = toml.lineAt(service.table.node.range[0]);
  const leave = (code: string, reason: string): Left => ({
    verdict: AS_IT_IS.has(code) ? "leave" : "suggest",
    line,
    code,
    reason,
    attention: code !== "already-mirrored",
    ...(code === "already-mirrored" || code === "old-dockerd"
      ? {}
      : { snippet: mirrorArgument(options.mirror) }),
  });
  const { name } = service;
  if (name === null)
    return leave(
      "unnamed-service",
      "a service without an image name: the runner's default is not known here",
    );
  if (service.class === "unknown")
    return leave(
      "unknown-image",
      `${name} is a variable: whether it is a Docker daemon cannot be told`,
    );
  if (service.class === "similar")
    return leave(
      "similar-image",
      `${name} looks like a Docker daemon, and is none of the images known to be one`,
    );
  if (service.class !== "dind") return null;
  const entrypoint = service.entrypoint === null ? null : tomlTexts(service.entrypoint.value);
  const command = service.command === null ? [] : tomlTexts(service.command.value);
  if (command === null || (service.entrypoint !== null && entrypoint === null)) {
    return leave("no-list", `${name}: entrypoint and command have to be lists of texts`);
  }
  if (runner.daemonMount !== null)
    return planMounted(runner.daemonMount, { name, command }, { toml, file, options });
  const decision = decide({ entrypoint, command, major: dindMajor(name, new Map()) }, options);
  if (decision.action === "already")
    return leave("already-mirrored", `${name} has this mirror already`);
  if (decision.action === "leave") return leave(decision.code, `${name}: ${decision.reason}`);
  const change =
    service.command === null
      ? addCommand(toml, service, options)
      : editList(toml, { service, key: service.command, decision }, options);
  return {
    verdict: "edit",
    line,
    why: describeDecision(name, decision),
    purpose: decision.action === "set" && decision.isRepair ? "repair" : "mirror",
    ...change,
  };
}

/** A mounted file and a flag together keep dockerd from starting, even where both name the same mirror. */
function planMounted(
  mount: AST.TOMLKeyValue,
  { name, command }: { readonly name: string; readonly command: readonly string[] },
  { toml, options }: Within & { readonly toml: TomlFile },
): Left {
  const hasFlag = readFlagState(command, options.mirror).state !== "none";
  const line = toml.lineAt(mount.range[0]);
  return hasFlag
    ? {
        verdict: "leave",
        line,
        code: "flag-and-file",
        reason: `${name} has a mirror flag and gets a daemon.json mounted: dockerd refuses to start where both set mirrors`,
        attention: true,
      }
    : {
        verdict: "suggest",
        line,
        code: "file-mounted",
        reason: `${name} gets a daemon.json mounted: the mirror belongs in that file, a flag beside it could keep dockerd from starting`,
        snippet: `"registry-mirrors": ["${options.mirror.url}"]`,
        attention: true,
      };
}

type Change = Pick<Edit, "splices" | "changes">;

function addCommand(
  toml: TomlFile,
  { table, nameKey }: RunnerService,
  options: EditOptions,
): Change {
  const { source } = toml;
  const text = `command = [${JSON.stringify(mirrorArgument(options.mirror))}]`;
  const changes: DataChange[] = [
    { op: "add", path: [...table.path, "command"], value: [mirrorArgument(options.mirror)] },
  ];
  if (table.node.type === "TOMLInlineTable" || nameKey === null) {
    const at = table.node.body.at(-1)?.range[1] ?? table.node.range[1] - 1;
    return { splices: [{ start: at, end: at, text: `, ${text}` }], changes };
  }
  const at = endOfLine(source, nameKey.range[1]);
  const indent = textBefore(source, nameKey.range[0]).replace("\uFEFF", "");
  return {
    splices: [{ start: at, end: at, text: `${lineBreakAt(source, at)}${indent}${text}` }],
    changes,
  };
}

interface ListEditing {
  readonly service: RunnerService;
  readonly key: AST.TOMLKeyValue;
  readonly decision: Decision;
}

function editList(
  toml: TomlFile,
  { service, key, decision }: ListEditing,
  { mirror }: EditOptions,
): Change {
  const list = key.value as AST.TOMLArray;
  const texts = [...(tomlTexts(list) ?? [])];
  const argument = mirrorArgument(mirror);
  const path = [...service.table.path, "command"];
  const splices: Splice[] = [];
  if (decision.action === "prepend") {
    const index = decision.flags[0]?.index ?? 0;
    const element = list.elements[index];
    if (element !== undefined) splices.push(insertBefore(toml.source, element, argument));
    texts.splice(index, 0, argument);
  } else if (decision.action === "set" || decision.action === "replace") {
    const [first, ...others] = decision.flags;
    const set = decision.action === "set" ? decision.flags : first === undefined ? [] : [first];
    for (const { index, valueIndex } of set) {
      const [start, end] = list.elements[valueIndex]?.range ?? [0, 0];
      const value = index === valueIndex ? `${MIRROR_FLAG}=${mirror.url}` : mirror.url;
      splices.push({ start, end, text: JSON.stringify(value) });
      texts[valueIndex] = value;
    }
    const gone = new Set(
      decision.action === "set"
        ? []
        : others.flatMap(({ index, valueIndex }) => [index, valueIndex]),
    );
    for (const index of gone) splices.push(removal(list, index));
    return {
      splices,
      changes: [{ op: "replace", path, value: texts.filter((_, index) => !gone.has(index)) }],
    };
  } else {
    splices.push(...appendToList(toml.source, list, argument));
    texts.push(argument);
  }
  return { splices, changes: [{ op: "replace", path, value: texts }] };
}

/** Never asked for the first element: that is the flag that stays, or comes before it. */
function removal(list: AST.TOMLArray, index: number): Splice {
  const [, start] = list.elements[index - 1]?.range ?? [0, 0];
  const [, end] = list.elements[index]?.range ?? [0, 0];
  return { start, end, text: "" };
}
