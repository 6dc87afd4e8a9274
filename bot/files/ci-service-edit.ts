import { type Node, type YAMLMap, isAlias, isScalar } from "yaml";

import { type Service, isSharedByDindOnly } from "./ci-services.ts";
import { type ServiceEditing, serviceEdit, suggest } from "./ci-editing.ts";
import { dindMajor } from "./dind.ts";
import { editArguments } from "./ci-flag-edit.ts";
import { decide, describeDecision } from "./dind-decision.ts";
import { mirrorArgument } from "./dockerd-command.ts";
import { endOfLine, lineBreakAt, textBefore, withoutByteOrderMark } from "./source-text.ts";
import type { Edit, Left } from "./types.ts";
import { endOf, findPair, nodeData, startOf } from "./yaml-file.ts";

/** Decides about one Docker daemon among the services. */
export function planService(editing: ServiceEditing, service: Service): Edit | Left {
  const { command, entrypoint, name } = service;
  if (command.form === "odd" || entrypoint.form === "odd") {
    return suggest(editing, service, oddReason(service));
  }
  const decision = decide(
    {
      entrypoint: entrypoint.form === "list" ? entrypoint.texts : null,
      command: command.form === "list" ? command.texts : [],
      major: dindMajor(name, service.variables),
    },
    editing.options,
  );
  if (decision.action === "already") {
    return already(service, editing.file.lineAt(startOf(service.site.node)));
  }
  if (decision.action === "leave")
    return suggest(editing, service, [decision.code, decision.reason]);
  if (command.form !== "list") return addCommand(editing, service);
  if (!isSharedByDindOnly(editing.file, command.node, editing.facts)) {
    return suggest(editing, service, [
      "shared-command",
      "its command is shared with a service that is no Docker daemon",
    ]);
  }
  const edit = editArguments(
    { file: editing.file, mirror: editing.options.mirror, node: command.node },
    decision,
  );
  return serviceEdit(editing, service, { ...edit, why: describeDecision(name, decision) });
}

function already(service: Service, line: number): Left {
  const reason = `${service.name} has this mirror already`;
  return { verdict: "leave", line, code: "already-mirrored", reason, attention: false };
}

function oddReason({ command, entrypoint }: Service): readonly [string, string] {
  const key = command.form === "odd" ? "command" : "entrypoint";
  const odd = command.form === "odd" ? command : entrypoint;
  return odd.form === "odd" && odd.isText
    ? ["no-list", `GitLab wants a list as ${key}, and this is a text`]
    : ["no-plain-list", `its ${key} is no plain list of texts`];
}

function addCommand(editing: ServiceEditing, service: Service): Edit | Left {
  const { command, nameOwner, target } = service;
  if (command.form === "empty") return fillEmptyCommand(editing, service, command);
  if (nameOwner === null) return wrapName(editing, service);
  if (nameOwner !== target && !isSharedByDindOnly(editing.file, nameOwner, editing.facts)) {
    return suggest(editing, service, [
      "shared-command",
      "its map is shared with a service that is no Docker daemon",
    ]);
  }
  return nameOwner.flow === true
    ? addToFlowMap(editing, service, nameOwner)
    : addToBlockMap(editing, service, nameOwner);
}

/** `["--registry-mirror=…"]`, the form that is valid in block and in flow. */
function listText({ options }: ServiceEditing): string {
  return `[${JSON.stringify(mirrorArgument(options.mirror))}]`;
}

function commandPair({ options }: ServiceEditing): unknown {
  return { key: "command", value: { items: [mirrorArgument(options.mirror)] } };
}

/** Right behind the colon: a value that is not written has no place of its own, and a comment may follow. */
function fillEmptyCommand(
  editing: ServiceEditing,
  service: Service,
  { node, key }: { readonly node: Node; readonly key: Node },
): Edit {
  const { source } = editing.file;
  const isWritten = !isAlias(node) && endOf(source, node) > startOf(node);
  const colon = source.indexOf(":", endOf(source, key)) + 1;
  const splice = isWritten
    ? { start: startOf(node), end: endOf(source, node), text: listText(editing) }
    : { start: colon, end: colon, text: ` ${listText(editing)}` };
  const value = { items: [mirrorArgument(editing.options.mirror)] };
  return serviceEdit(editing, service, {
    splices: [splice],
    changes: [{ op: "replace", path: editing.file.pathOf(node), value }],
  });
}

function addToFlowMap(editing: ServiceEditing, service: Service, map: YAMLMap): Edit {
  const { source } = editing.file;
  const last = map.items.at(-1);
  const node = (last?.value ?? last?.key) as Node;
  const at = endOf(source, node);
  return serviceEdit(editing, service, {
    splices: [{ start: at, end: at, text: `, command: ${listText(editing)}` }],
    changes: [
      {
        op: "add",
        path: [...editing.file.pathOf(map), "pairs", map.items.length],
        value: commandPair(editing),
      },
    ],
  });
}

function addToBlockMap(editing: ServiceEditing, service: Service, map: YAMLMap): Edit | Left {
  const { file } = editing;
  const name = findPair(file, map, "name");
  const prefix = withoutByteOrderMark(textBefore(file.source, startOf(map)));
  if (name === null || prefix.includes("\t")) {
    return suggest(editing, service, ["tab", "a tab stands where YAML wants spaces"]);
  }
  const at = endOfLine(file.source, endOf(file.source, name.pair.value as Node));
  const text = `${lineBreakAt(file.source, at)}${" ".repeat(prefix.length)}command: ${listText(editing)}`;
  return serviceEdit(editing, service, {
    splices: [{ start: at, end: at, text }],
    changes: [
      {
        op: "add",
        path: [...file.pathOf(map), "pairs", name.number + 1],
        value: commandPair(editing),
      },
    ],
  });
}

/** Turns a mere name into a map: in block, in flow, or in flow behind an anchor. */
function wrapName(editing: ServiceEditing, service: Service): Edit | Left {
  const { file, listed } = editing;
  const { site } = service;
  const { node } = site;
  const path = file.pathOf(node);
  const end = endOf(file.source, node);
  if (
    /[\r\n]/.test(file.source.slice(startOf(node), end)) ||
    (isScalar(node) && node.tag !== undefined)
  ) {
    return suggest(editing, service, [
      "unusual-name",
      "the name is written in a form that is not edited",
    ]);
  }
  const uses = file.uses.get(node) ?? [];
  // An alias elsewhere, say under `image`, needs the bare name: then the anchor moves inside the map.
  const keepsAnchor =
    isScalar(node) && node.anchor !== undefined && !uses.every((use) => listed.has(use));
  const start = keepsAnchor ? anchorStart(service) : startOf(node);
  const anchor = isScalar(node) && node.anchor !== undefined ? { anchor: node.anchor } : {};
  const inner = keepsAnchor || isAlias(node) ? nodeData(node) : (node as { value?: unknown }).value;
  const value = {
    pairs: [{ key: "name", value: inner }, commandPair(editing)],
    ...(keepsAnchor ? {} : anchor),
  };
  const prefix = withoutByteOrderMark(textBefore(file.source, start));
  const isFlow = site.list.flow === true || !/^[ -]*$/.test(prefix);
  const splices = isFlow
    ? [
        {
          start,
          end,
          text: `{ name: ${flowText(file.source.slice(start, end), node)}, command: ${listText(editing)} }`,
        },
      ]
    : blockSplices(editing, { start, end, indent: " ".repeat(prefix.length) });
  return serviceEdit(editing, service, { splices, changes: [{ op: "replace", path, value }] });
}

function blockSplices(
  editing: ServiceEditing,
  { start, end, indent }: { readonly start: number; readonly end: number; readonly indent: string },
): Edit["splices"] {
  const { source } = editing.file;
  const at = endOfLine(source, end);
  const text = `${lineBreakAt(source, at)}${indent}command: ${listText(editing)}`;
  return [
    { start, end: start, text: "name: " },
    { start: at, end: at, text },
  ];
}

function anchorStart({ site }: Service): number {
  const { srcToken } = site.list as { srcToken?: { items?: readonly SourceItem[] } };
  const number = site.list.items.indexOf(site.node);
  const anchor = srcToken?.items?.[number]?.start.find((token) => token.type === "anchor");
  return anchor?.offset ?? startOf(site.node);
}

interface SourceItem {
  readonly start: readonly { readonly type: string; readonly offset: number }[];
}

/** A plain name may hold characters that end it inside braces, as `$[[ inputs.tag ]]` does. */
function flowText(text: string, node: Node): string {
  const isPlain = isScalar(node) && node.type === "PLAIN";
  return isPlain && /[,[\]{}]/.test(text) ? JSON.stringify(node.value) : text;
}
