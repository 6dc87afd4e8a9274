import type { AST } from "toml-eslint-parser";

import { lintMirrorHost } from "./dind-lint.ts";
import { type Finding, finding } from "./finding.ts";
import { type Mirror, isSameMirror } from "./mirror.ts";
import { endOfLine, lineBreakAt, startOfLine, textBefore } from "./source-text.ts";
import { isTemplatePath } from "./template.ts";
import {
  type TomlFile,
  type TomlTable,
  findTomlPair,
  isTomlProblem,
  readToml,
  tomlData,
  tomlText,
  tomlTexts,
} from "./toml-file.ts";
import type { Edit, EditOptions, FileKind, FilePlan, Left, SourceFile, Splice } from "./types.ts";

/** BuildKit's own configuration: what a buildx builder reads in place of the daemon's mirrors. */
export const buildkitd: FileKind = {
  id: "buildkitd",
  layer: "ci",
  matches: (path) => /(?:^|\/)[^/]*buildkit[^/]*\.toml(?:\.[a-z0-9]+)?$/i.test(path),
  plan,
  lint,
  data: tomlData,
};

const REGISTRY = "docker.io";

function plan({ path, source }: SourceFile, options: EditOptions): FilePlan {
  const file = readToml(source);
  if (isTomlProblem(file)) {
    const isTemplate = isTemplatePath(path) || /\{\{|\{%|<%|\$\{/.test(source);
    const left: Left = {
      verdict: isTemplate ? "suggest" : "leave",
      line: file.line,
      code: isTemplate ? "template" : "unreadable",
      reason: isTemplate ? "is a template, no TOML yet" : `does not parse as TOML: ${file.message}`,
      snippet: snippet(options),
      attention: true,
    };
    return { edits: [], left: [left] };
  }
  if (isTemplatePath(path)) return { edits: [], left: [suggestTemplate(options)] };
  const outcome = planMirrors(file, options);
  return outcome.verdict === "edit"
    ? { edits: [withHttp(file, outcome, options)], left: [] }
    : { edits: [], left: [outcome] };
}

function suggestTemplate(options: EditOptions): Left {
  const reason = "is a template by its name: what comes out of it is not known here";
  return {
    verdict: "suggest",
    line: 1,
    code: "template",
    reason,
    snippet: snippet(options),
    attention: true,
  };
}

function snippet({ mirror }: EditOptions): string {
  return `[registry."${REGISTRY}"]\n  mirrors = ["${mirror.host}"]`;
}

/** The table of a registry's settings. */
function findRegistry({ tables }: TomlFile, host: string): TomlTable | null {
  return (
    tables.find(({ path }) => path.length === 2 && path[0] === "registry" && path[1] === host) ??
    null
  );
}

function planMirrors(file: TomlFile, options: EditOptions): Edit | Left {
  const table = findRegistry(file, REGISTRY);
  const key = table === null ? null : findTomlPair(table, "mirrors");
  const line = file.lineAt((key ?? table?.node)?.range[0] ?? file.source.length);
  if (table === null || key === null) return { ...edit(line), ...addMirrors(file, table, options) };
  const others = tomlTexts(key.value);
  if (others === null || key.value.type !== "TOMLArray") {
    return {
      verdict: "leave",
      line,
      code: "no-list",
      reason: "mirrors is no list of texts",
      attention: true,
    };
  }
  const { mirror, conflict } = options;
  if (others.some((other) => isSameMirror(other, mirror))) {
    const reason = "BuildKit has this mirror already";
    return { verdict: "leave", line, code: "already-mirrored", reason, attention: false };
  }
  if (others.length > 0 && conflict === "leave") {
    const reason = `BuildKit uses another mirror, ${others.join(", ")}`;
    return { verdict: "leave", line, code: "other-mirror", reason, attention: true };
  }
  const isReplaced = conflict === "replace" && others.length > 0;
  const value = isReplaced ? [mirror.host] : [mirror.host, ...others];
  return {
    ...edit(line),
    splices: [
      isReplaced ? replaceItems(key.value, mirror.host) : putFirst(file, key.value, mirror.host),
    ],
    changes: [{ op: "replace", path: [...table.path, "mirrors"], value }],
  };
}

function edit(line: number): Omit<Edit, "splices" | "changes"> {
  return { verdict: "edit", line, why: `BuildKit gets a mirror of ${REGISTRY}`, purpose: "mirror" };
}

function putFirst({ source }: TomlFile, list: AST.TOMLArray, host: string): Splice {
  const text = JSON.stringify(host);
  const [first] = list.elements;
  if (first === undefined) return { start: list.range[0] + 1, end: list.range[0] + 1, text };
  const [at] = first.range;
  const indent = textBefore(source, at);
  const ownLine = /^\s*$/.test(indent) && startOfLine(source, at) > list.range[0];
  return {
    start: at,
    end: at,
    text: `${text},${ownLine ? `${lineBreakAt(source, at)}${indent}` : " "}`,
  };
}

function replaceItems(list: AST.TOMLArray, host: string): Splice {
  const start = list.elements[0]?.range[0] ?? list.range[0] + 1;
  return { start, end: list.elements.at(-1)?.range[1] ?? start, text: JSON.stringify(host) };
}

function addMirrors(
  file: TomlFile,
  table: TomlTable | null,
  { mirror }: EditOptions,
): Pick<Edit, "splices" | "changes"> {
  const { source } = file;
  const pair = `mirrors = [${JSON.stringify(mirror.host)}]`;
  if (table === null) {
    return {
      splices: [appendTable(source, `[registry."${REGISTRY}"]`, pair)],
      changes: addRegistry(file, REGISTRY, { mirrors: [mirror.host] }),
    };
  }
  const changes = [{ op: "add", path: [...table.path, "mirrors"], value: [mirror.host] }] as const;
  if (table.node.type === "TOMLInlineTable") {
    const at = table.node.range[0] + 1;
    const gap = table.node.body.length > 0 ? "," : " ";
    return { splices: [{ start: at, end: at, text: ` ${pair}${gap}` }], changes };
  }
  const head = table.node.type === "TOMLTable" ? table.node.key.range[1] : 0;
  const at = endOfLine(source, head);
  const inner = table.node.body[0];
  const indent = inner === undefined ? "  " : textBefore(source, inner.range[0]);
  return {
    splices: [
      {
        start: at,
        end: at,
        text: `${lineBreakAt(source, at)}${/^\s*$/.test(indent) ? indent : "  "}${pair}`,
      },
    ],
    changes,
  };
}

function addRegistry(file: TomlFile, host: string, value: unknown): Edit["changes"] {
  const hasAny = file.tables.some(({ path }) => path[0] === "registry");
  return hasAny
    ? [{ op: "add", path: ["registry", host], value }]
    : [{ op: "add", path: ["registry"], value: { [host]: value } }];
}

/** At the very end: a table header ends whatever stood open before it. */
function appendTable(source: string, head: string, pair: string): Splice {
  const at = source.length;
  const lineBreak = lineBreakAt(source, at);
  const isClosed = source === "" || source.endsWith("\n");
  const text = `${head}${lineBreak}  ${pair}`;
  return { start: at, end: at, text: isClosed ? `${text}${lineBreak}` : `${lineBreak}${text}` };
}

/** BuildKit speaks TLS to every registry that is not said to be without. */
function withHttp(file: TomlFile, planned: Edit, { mirror }: EditOptions): Edit {
  if (!mirror.insecure || findRegistry(file, mirror.host) !== null) return planned;
  return {
    ...planned,
    note: `a mirror without TLS also wants [registry."${mirror.host}"] with http = true`,
  };
}

function lint({ source }: SourceFile, mirror: Mirror | null): readonly Finding[] {
  const file = readToml(source);
  if (isTomlProblem(file)) return [];
  const table = findRegistry(file, "docker.io");
  const key = table === null ? null : findTomlPair(table, "mirrors");
  const elements = key?.value.type === "TOMLArray" ? key.value.elements : [];
  const found = elements.flatMap((element) => {
    const item = lintMirrorHost(tomlText(element) ?? "", file.lineAt(element.range[0]), "BuildKit");
    return item === null ? [] : [item];
  });
  if (
    mirror !== null &&
    !elements.some((element) => isSameMirror(tomlText(element) ?? "", mirror))
  ) {
    const line = file.lineAt((key ?? table?.node)?.range[0] ?? 0);
    found.push(finding("not-mirrored", line, `BuildKit does not use the mirror ${mirror.host}.`));
  }
  return found;
}
