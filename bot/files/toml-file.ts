import { type AST, getStaticTOMLValue, parseTOML } from "toml-eslint-parser";

import { endOfLine, lineBreakAt, lineCounter, startOfLine, textBefore } from "./source-text.ts";
import type { Splice } from "./types.ts";

/** Steps to a value in {@link tomlData}. */
export type TomlPath = readonly (string | number)[];

/** A table wherever it is written: under a header, inline, or at the top. */
export interface TomlTable {
  readonly path: TomlPath;
  readonly node: AST.TOMLTopLevelTable | AST.TOMLTable | AST.TOMLInlineTable;
}

/** A TOML source read for its ranges. */
export interface TomlFile {
  readonly source: string;
  readonly tables: readonly TomlTable[];
  /** Line, from 1, of an offset. */
  lineAt(offset: number): number;
}

/** Why a source could not be read. */
export interface TomlProblem {
  readonly line: number;
  readonly message: string;
}

/** Reads TOML 1.0. */
export function readToml(source: string): TomlFile | TomlProblem {
  const lineAt = lineCounter(source);
  try {
    const { body } = parseTOML(withBlankMark(source), { tomlVersion: "1.0" });
    return { source, lineAt, tables: listTables(body[0]) };
  } catch (error) {
    const { lineNumber } = error as { lineNumber?: unknown };
    return {
      line: typeof lineNumber === "number" ? lineNumber : 1,
      message: error instanceof Error ? error.message : String(error),
    };
  }
}

/** Tells the two outcomes of {@link readToml} apart. */
export function isTomlProblem(result: TomlFile | TomlProblem): result is TomlProblem {
  return "message" in result;
}

/** A TOML source as data, `null` where it does not parse. */
export function tomlData(source: string): unknown {
  try {
    return getStaticTOMLValue(parseTOML(withBlankMark(source), { tomlVersion: "1.0" }));
  } catch {
    return null;
  }
}

/** The parser wants no byte order mark; a blank in its place keeps the offsets true. */
function withBlankMark(source: string): string {
  return source.startsWith("\uFEFF") ? ` ${source.slice(1)}` : source;
}

function listTables(top: AST.TOMLTopLevelTable): readonly TomlTable[] {
  const tables: TomlTable[] = [{ path: [], node: top }];
  for (const part of top.body) {
    if (part.type === "TOMLTable") {
      tables.push({ path: part.resolvedKey, node: part });
      for (const pair of part.body) addInline(tables, pair, part.resolvedKey);
    } else {
      addInline(tables, part, []);
    }
  }
  return tables;
}

function addInline(tables: TomlTable[], pair: AST.TOMLKeyValue, base: TomlPath): void {
  addValue(tables, pair.value, [...base, ...keyPath(pair)]);
}

function addValue(tables: TomlTable[], value: AST.TOMLContentNode, path: TomlPath): void {
  if (value.type === "TOMLInlineTable") {
    tables.push({ path, node: value });
    for (const pair of value.body) addInline(tables, pair, path);
  } else if (value.type === "TOMLArray") {
    for (const [number, element] of value.elements.entries())
      addValue(tables, element, [...path, number]);
  }
}

/** The parts of a key: `docker.privileged` has two. */
function keyPath({ key }: AST.TOMLKeyValue): readonly string[] {
  return key.keys.map((part) => (part.type === "TOMLBare" ? part.name : part.value));
}

/** The pair of a table that has a key, dots in it included. */
export function findTomlPair({ node }: TomlTable, key: string): AST.TOMLKeyValue | null {
  for (const pair of node.body) {
    if (pair.type === "TOMLKeyValue" && keyPath(pair).join(".") === key) return pair;
  }
  return null;
}

/** A value's text where it is a string. */
export function tomlText(value: AST.TOMLContentNode | undefined): string | null {
  return value?.type === "TOMLValue" && value.kind === "string" ? value.value : null;
}

/** A list's texts; `null` where the value is no list of strings. */
export function tomlTexts(value: AST.TOMLContentNode | undefined): readonly string[] | null {
  if (value?.type !== "TOMLArray") return null;
  const texts = value.elements.map((element) => tomlText(element));
  return texts.every((text) => text !== null) ? texts : null;
}

/** Adds a text to the end of a list, on a line of its own where the last one has one. */
export function appendToList(source: string, list: AST.TOMLArray, text: string): readonly Splice[] {
  const last = list.elements.at(-1);
  const quoted = JSON.stringify(text);
  if (last === undefined) {
    const at = list.range[0] + 1;
    return [{ start: at, end: at, text: quoted }];
  }
  const end = last.range[1];
  const isOnOwnLine =
    /^\s*$/.test(textBefore(source, last.range[0])) &&
    startOfLine(source, last.range[0]) > list.range[0] &&
    endOfLine(source, end) < list.range[1];
  if (!isOnOwnLine) return [{ start: end, end, text: `, ${quoted}` }];
  const comma = trailingComma(source, end, list.range[1]);
  const at = endOfLine(source, comma ?? end);
  const line = `${lineBreakAt(source, at)}${textBefore(source, last.range[0])}${quoted}`;
  return comma === null
    ? [
        { start: end, end, text: "," },
        { start: at, end: at, text: line },
      ]
    : [{ start: at, end: at, text: `${line},` }];
}

/** Adds a text before an element of a list, on a line of its own where that one has one. */
export function insertBefore(source: string, element: AST.TOMLContentNode, text: string): Splice {
  const [at] = element.range;
  const indent = textBefore(source, at);
  const gap = /^\s*$/.test(indent) ? `${lineBreakAt(source, at)}${indent}` : " ";
  return { start: at, end: at, text: `${JSON.stringify(text)},${gap}` };
}

/** Offset after the comma that follows the last element, if one does. */
function trailingComma(source: string, from: number, end: number): number | null {
  // Between the last element and the bracket stand blanks, comments and at most one comma.
  const rest = source.slice(from, end).replace(/#[^\n]*/g, (comment) => " ".repeat(comment.length));
  const comma = rest.indexOf(",");
  return comma < 0 ? null : from + comma + 1;
}
