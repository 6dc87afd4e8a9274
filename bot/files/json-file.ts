import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";

import { lineCounter, withoutByteOrderMark } from "./source-text.ts";

/** A JSON object read for its offsets. */
export interface JsonFile {
  readonly source: string;
  readonly root: Node;
  /** Line, from 1, of an offset. */
  lineAt(offset: number): number;
}

/** Why a source is no JSON object, seen as dockerd sees it. */
export interface JsonProblem {
  readonly kind: "comment" | "trailing-comma" | "template" | "syntax" | "no-object";
  readonly line: number;
  readonly message: string;
  /** What a tolerant reader makes of it, offsets included; `null` where that is nothing sure. */
  readonly tolerated: JsonFile | null;
}

/** Reads strict JSON with an object at the top; says what stands in the way otherwise. */
export function readJson(source: string): JsonFile | JsonProblem {
  const lineAt = lineCounter(source);
  const errors: ParseError[] = [];
  const root = parseLoosely(source, errors);
  const strict: ParseError[] = [];
  parseLoosely(source, strict, { disallowComments: true, allowTrailingComma: false });
  const [first] = strict;
  if (first === undefined && root?.type === "object") return { source, root, lineAt };

  const tolerated =
    errors.length === 0 && root?.type === "object" ? { source, root, lineAt } : null;
  const line = lineAt(first?.offset ?? 0);
  if (/\{\{|\{%|<%|\$\{/.test(source) && first !== undefined) {
    return { kind: "template", line, message: "is a template, no JSON yet", tolerated: null };
  }
  if (errors.length > 0) {
    const code = errors[0] === undefined ? "" : printParseErrorCode(errors[0].error);
    return {
      kind: "syntax",
      line: lineAt(errors[0]?.offset ?? 0),
      message: `is no JSON (${code})`,
      tolerated: null,
    };
  }
  if (first === undefined)
    return { kind: "no-object", line: 1, message: "holds no JSON object", tolerated };
  return printParseErrorCode(first.error) === "InvalidCommentToken"
    ? { kind: "comment", line, message: "contains a comment, which JSON does not allow", tolerated }
    : { kind: "trailing-comma", line, message: "has a comma before a closing bracket", tolerated };
}

/** Tells the two outcomes of {@link readJson} apart. */
export function isJsonProblem(result: JsonFile | JsonProblem): result is JsonProblem {
  return "kind" in result;
}

/** A JSON source as data, `null` where a strict parser refuses it. */
export function jsonData(source: string): unknown {
  try {
    return JSON.parse(withoutByteOrderMark(source)) as unknown;
  } catch {
    return null;
  }
}

/** The value of a key; the last one where it stands there twice, as Go's parser has it. */
export function findValue(
  object: Node,
  key: string,
): { readonly key: Node; readonly value: Node } | null {
  const property = object.children?.findLast(({ children }) => children?.[0]?.value === key);
  const [name, value] = property?.children ?? [];
  return name === undefined || value === undefined ? null : { key: name, value };
}

function parseLoosely(
  source: string,
  errors: ParseError[],
  options: Parameters<typeof parseTree>[2] = { allowTrailingComma: true },
): Node | undefined {
  // A byte order mark is blanked, not cut off: offsets stay true.
  const text = source.startsWith("\uFEFF") ? ` ${source.slice(1)}` : source;
  try {
    return parseTree(text, errors, options);
  } catch {
    // Nested too deep for the parser's stack.
    errors.push({ error: 1, offset: 0, length: 0 });
    return undefined;
  }
}
