import type { Node } from "jsonc-parser";

import { isDockers, mayBeDockers } from "./daemon-keys.ts";
import { lintDaemon } from "./daemon-lint.ts";
import {
  type JsonFile,
  type JsonProblem,
  findValue,
  isJsonProblem,
  jsonData,
  readJson,
} from "./json-file.ts";
import { isSameMirror } from "./mirror.ts";
import { lineBreakAt, startOfLine, textBefore } from "./source-text.ts";
import type { Edit, EditOptions, FileKind, FilePlan, Left, SourceFile } from "./types.ts";

const KEY = "registry-mirrors";
/** A key that dockerd accepts and ignores: it only equals the flag's name. */
const SINGULAR_KEY = "registry-mirror";

const RELOAD = "dockerd takes it up on SIGHUP, without a restart";

/** Docker's daemon.json and what people call it: edited where it is JSON, shown where it is a template. */
export const daemonJson: FileKind = {
  id: "daemon-json",
  layer: "daemon",
  matches: (path) => isDaemonPath(path),
  plan,
  lint: lintDaemon,
  data: jsonData,
};

/** Whether a path is a daemon's configuration by its name. */
function isDaemonPath(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return (
    /^(?:[\w.-]*[._-])?(?:docker[._-]?)?(?:daemon|dockerd)(?:[._-][\w-]+)?\.json(?:c|5)?(?:\.(?:j2|jinja2?|tpl|tmpl|erb|example|sample|dist))?$/i.test(
      name,
    ) || /(?:^|\/)etc\/docker\/[^/]+\.json(?:\.(?:j2|jinja2?|tpl|tmpl|erb))?$/.test(path)
  );
}

function plan({ path, source }: SourceFile, options: EditOptions): FilePlan {
  const file = readJson(source);
  if (isJsonProblem(file)) {
    return mayBeDockers(path, source) ? { edits: [], left: [explain(file, options)] } : NOTHING;
  }
  if (!isDockers(path, file)) return NOTHING;
  const outcome = planObject(file, options);
  const edits = outcome.filter((item) => item.verdict === "edit");
  return { edits, left: outcome.filter((item) => item.verdict !== "edit") };
}

const NOTHING: FilePlan = { edits: [], left: [] };

function explain(problem: JsonProblem, { mirror }: EditOptions): Left {
  const isTemplate = problem.kind === "template";
  return {
    verdict: isTemplate ? "suggest" : "leave",
    line: problem.line,
    code: isTemplate ? "template" : problem.kind,
    reason: isTemplate ? problem.message : `${problem.message}: dockerd refuses it`,
    snippet: `"${KEY}": ["${mirror.url}"]`,
    attention: true,
  };
}

function planObject(file: JsonFile, options: EditOptions): readonly (Edit | Left)[] {
  const mirrors = findValue(file.root, KEY);
  const singular = findValue(file.root, SINGULAR_KEY);
  if (mirrors !== null) {
    const left: Left[] =
      singular === null
        ? []
        : [leave(file, singular.key, ["idle-key", `"${SINGULAR_KEY}" has no effect`])];
    return [planMirrors(file, mirrors.value, options), ...left];
  }
  if (singular !== null) return [planSingular(file, singular, options)];
  return [addKey(file, options)];
}

function leave(file: JsonFile, node: Node, [code, reason]: readonly [string, string]): Left {
  const attention = code !== "already-mirrored" && code !== "idle-key";
  return { verdict: "leave", line: file.lineAt(node.offset), code, reason, attention };
}

function edit(
  file: JsonFile,
  node: Node,
  parts: Pick<Edit, "splices" | "changes"> & Partial<Edit>,
): Edit {
  return {
    verdict: "edit",
    line: file.lineAt(node.offset),
    why: `the daemon gets "${KEY}"`,
    note: RELOAD,
    purpose: "mirror",
    ...parts,
  };
}

function planMirrors(file: JsonFile, value: Node, options: EditOptions): Edit | Left {
  const { mirror, conflict } = options;
  if (value.type !== "array" && value.type !== "null") {
    return leave(file, value, ["no-list", `"${KEY}" is no list: dockerd refuses it`]);
  }
  const others = texts(value);
  if (others.some((other) => isSameMirror(other, mirror))) {
    return leave(file, value, ["already-mirrored", "the daemon has this mirror already"]);
  }
  if (others.length > 0 && conflict === "leave") {
    return leave(file, value, [
      "other-mirror",
      `the daemon uses another mirror, ${others.join(", ")}`,
    ]);
  }
  if (value.type === "null") {
    return edit(file, value, {
      splices: [{ start: value.offset, end: endOf(value), text: `["${mirror.url}"]` }],
      changes: [{ op: "replace", path: [KEY], value: [mirror.url] }],
    });
  }
  const isReplaced = conflict === "replace" && others.length > 0;
  return edit(file, value, {
    splices: [isReplaced ? replaceItems(value, mirror.url) : putFirst(file, value, mirror.url)],
    changes: [
      {
        op: "replace",
        path: [KEY],
        value: isReplaced ? [mirror.url] : [mirror.url, ...values(value)],
      },
    ],
    ...(others.length > 0 ? { why: whyOther(isReplaced, others) } : {}),
  });
}

function whyOther(isReplaced: boolean, others: readonly string[]): string {
  const list = others.join(", ");
  return isReplaced
    ? `the daemon's mirror takes the place of ${list}`
    : `the daemon asks this mirror before ${list}`;
}

function texts(array: Node): readonly string[] {
  return values(array).filter((value) => typeof value === "string");
}

function values(array: Node): readonly unknown[] {
  return (array.children ?? []).map((child) => child.value as unknown);
}

function endOf(node: Node): number {
  return node.offset + node.length;
}

/** Before the first item, on a line of its own where that one has one. */
function putFirst({ source }: JsonFile, array: Node, url: string): Edit["splices"][number] {
  const text = JSON.stringify(url);
  const first = array.children?.[0];
  if (first === undefined) return { start: array.offset + 1, end: array.offset + 1, text };
  const indent = textBefore(source, first.offset);
  const ownLine = /^\s*$/.test(indent) && startOfLine(source, first.offset) > array.offset;
  const gap = ownLine ? `${lineBreakAt(source, array.offset)}${indent}` : " ";
  return { start: first.offset, end: first.offset, text: `${text},${gap}` };
}

function replaceItems(array: Node, url: string): Edit["splices"][number] {
  const children = array.children ?? [];
  const [first] = children;
  const last = children.at(-1);
  const start = first?.offset ?? array.offset + 1;
  return { start, end: last === undefined ? start : endOf(last), text: JSON.stringify(url) };
}

/** Names the key as it should have been, and puts our mirror before what it holds. */
function planSingular(
  file: JsonFile,
  { key, value }: { readonly key: Node; readonly value: Node },
  options: EditOptions,
): Edit | Left {
  const { mirror } = options;
  const isText = value.type === "string";
  if (!isText && value.type !== "array") {
    return leave(file, value, [
      "no-list",
      `"${SINGULAR_KEY}" is not the name of the key, and holds no list`,
    ]);
  }
  const old = isText ? [value.value as string] : values(value);
  const isOurs = old.some((item) => typeof item === "string" && isSameMirror(item, mirror));
  const list = isOurs ? old : [mirror.url, ...old];
  const body = isText
    ? [
        {
          start: value.offset,
          end: endOf(value),
          text: listOf(file.source, value, isOurs ? null : mirror.url),
        },
      ]
    : isOurs
      ? []
      : [putFirst(file, value, mirror.url)];
  return edit(file, key, {
    splices: [{ start: key.offset, end: endOf(key), text: `"${KEY}"` }, ...body],
    changes: [
      { op: "add", path: [KEY], value: list },
      { op: "remove", path: [SINGULAR_KEY] },
    ],
    why: `"${SINGULAR_KEY}" has no effect and becomes "${KEY}"`,
    purpose: "repair",
  });
}

function listOf(source: string, value: Node, url: string | null): string {
  const old = source.slice(value.offset, endOf(value));
  return url === null ? `[${old}]` : `["${url}", ${old}]`;
}

/** As first key: before the first one, in its indent, on a line of its own where that one has one. */
function addKey(file: JsonFile, { mirror }: EditOptions): Edit {
  const { source, root } = file;
  const [first] = root.children ?? [];
  const inner = root.offset + 1;
  const pair = `"${KEY}": ["${mirror.url}"]`;
  const changes = [{ op: "add", path: [KEY], value: [mirror.url] }] as const;
  const lineBreak = lineBreakAt(source, inner);
  if (first === undefined) {
    const isOpen = source.slice(inner, endOf(root)).includes("\n");
    const text = isOpen ? `${lineBreak}  ${pair}` : pair;
    return edit(file, root, { splices: [{ start: inner, end: inner, text }], changes });
  }
  const indent = textBefore(source, first.offset);
  const ownLine = /^\s*$/.test(indent) && startOfLine(source, first.offset) > root.offset;
  const splice = ownLine
    ? { start: inner, end: inner, text: `${lineBreak}${indent}${pair},` }
    : { start: first.offset, end: first.offset, text: `${pair}, ` };
  return edit(file, root, { splices: [splice], changes });
}
