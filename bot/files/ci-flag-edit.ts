import type { Node, YAMLSeq } from "yaml";

import type { Decision } from "./dind-decision.ts";
import { MIRROR_FLAG, type MirrorFlag, mirrorArgument } from "./dockerd-command.ts";
import type { Mirror } from "./mirror.ts";
import { endOfLine, endOfPreviousLine, lineBreakAt, textBefore } from "./source-text.ts";
import type { Edit, Splice } from "./types.ts";
import { type YamlFile, endOf, nodeData, startOf } from "./yaml-file.ts";

/** A list of arguments in a YAML file. */
export interface ArgumentList {
  readonly file: YamlFile;
  readonly mirror: Mirror;
  readonly node: YAMLSeq;
}

type ListEdit = Pick<Edit, "splices" | "changes" | "purpose">;

/** Sets the mirror in a list of arguments, as decided. */
export function editArguments(list: ArgumentList, decision: Decision): ListEdit {
  if (decision.action === "prepend") return mirrorEdit(list, prepend(list, decision.flags));
  if (decision.action === "replace") return mirrorEdit(list, replaceAll(list, decision.flags));
  if (decision.action !== "set") return mirrorEdit(list, append(list));
  const purpose = decision.isRepair ? "repair" : "mirror";
  return { ...mirrorEdit(list, setValues(list, decision.flags)), purpose };
}

/** Splices with the list's content afterwards, as data. */
interface Outcome {
  readonly splices: readonly Splice[];
  readonly values: readonly unknown[];
}

function mirrorEdit({ file, node }: ArgumentList, { splices, values }: Outcome): ListEdit {
  const path = [...file.pathOf(node), "items"];
  return { splices, changes: [{ op: "replace", path, value: values }], purpose: "mirror" };
}

function items({ node }: ArgumentList): readonly Node[] {
  return node.items as Node[];
}

function append(list: ArgumentList): Outcome {
  const { node, mirror } = list;
  const { source } = list.file;
  const argument = mirrorArgument(mirror);
  const text = JSON.stringify(argument);
  const values = [...items(list).map(nodeData), argument];
  const last = items(list).at(-1);
  if (last === undefined) {
    const at = startOf(node) + 1;
    return { splices: [{ start: at, end: at, text }], values };
  }
  const end = endOf(source, last);
  if (node.flow === true) return { splices: [{ start: end, end, text: `, ${text}` }], values };
  const at = endOfLine(source, end);
  const indent = " ".repeat(textBefore(source, dashOffset(list, items(list).length - 1)).length);
  return {
    splices: [{ start: at, end: at, text: `${lineBreakAt(source, at)}${indent}- ${text}` }],
    values,
  };
}

function prepend(list: ArgumentList, flags: readonly MirrorFlag[]): Outcome {
  const { source } = list.file;
  const argument = mirrorArgument(list.mirror);
  const text = JSON.stringify(argument);
  const index = flags[0]?.index ?? 0;
  const values = items(list).map(nodeData);
  values.splice(index, 0, argument);
  if (list.node.flow === true) {
    const at = itemStart(list, index);
    return { splices: [{ start: at, end: at, text: `${text}, ` }], values };
  }
  const at = dashOffset(list, index);
  const indent = " ".repeat(textBefore(source, at).length);
  return {
    splices: [{ start: at, end: at, text: `- ${text}${lineBreakAt(source, at)}${indent}` }],
    values,
  };
}

/** Puts our URL where other values are, in the form that each flag has. */
function setValues(list: ArgumentList, flags: readonly MirrorFlag[]): Outcome {
  const { mirror, file } = list;
  const values = items(list).map(nodeData);
  const splices: Splice[] = [];
  for (const { index, valueIndex } of flags) {
    const item = items(list)[valueIndex];
    if (item === undefined) continue;
    const value = index === valueIndex ? `${MIRROR_FLAG}=${mirror.url}` : mirror.url;
    values[valueIndex] = value;
    splices.push({
      start: startOf(item),
      end: endOf(file.source, item),
      text: JSON.stringify(value),
    });
  }
  return { splices, values };
}

/** Replaces the first of several mirrors and takes the others out, with their lines where they have their own. */
function replaceAll(list: ArgumentList, flags: readonly MirrorFlag[]): Outcome {
  const set = setValues(list, flags.slice(0, 1));
  const gone = new Set(flags.slice(1).flatMap(({ index, valueIndex }) => [index, valueIndex]));
  return {
    splices: [...set.splices, ...[...gone].map((index) => removal(list, index))],
    values: set.values.filter((_, index) => !gone.has(index)),
  };
}

/** Never asked for the first item: that is the flag that stays, or comes before it. */
function removal(list: ArgumentList, index: number): Splice {
  const { source } = list.file;
  const item = items(list)[index];
  const previous = items(list)[index - 1];
  if (item === undefined || previous === undefined) return { start: 0, end: 0, text: "" };
  if (list.node.flow === true) {
    return { start: endOf(source, previous), end: endOf(source, item), text: "" };
  }
  // The line break before the line goes, not the one after it: the last line may have none.
  const start = endOfPreviousLine(source, dashOffset(list, index));
  return { start, end: endOfLine(source, endOf(source, item)), text: "" };
}

function itemStart(list: ArgumentList, index: number): number {
  const item = items(list)[index];
  return item === undefined ? startOf(list.node) : startOf(item);
}

interface SequenceToken {
  readonly items?: readonly {
    readonly start: readonly { readonly type: string; readonly offset: number }[];
  }[];
}

function dashOffset(list: ArgumentList, index: number): number {
  const token = (list.node as { srcToken?: SequenceToken }).srcToken;
  const dash = token?.items?.[index]?.start.find(({ type }) => type === "seq-item-ind");
  return dash?.offset ?? itemStart(list, index);
}
