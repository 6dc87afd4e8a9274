import type { AST } from "toml-eslint-parser";
import { describe, expect, it } from "vitest";

import {
  type TomlFile,
  type TomlTable,
  appendToList,
  findTomlPair,
  insertBefore,
  isTomlProblem,
  readToml,
  tomlData,
  tomlText,
  tomlTexts,
} from "../../../bot/files/toml-file.ts";
import type { Splice } from "../../../bot/files/types.ts";
import { applyEdits } from "../../../bot/files/splice.ts";

function readable(source: string): TomlFile {
  const file = readToml(source);
  if (isTomlProblem(file)) throw new Error(file.message);
  return file;
}

function tableAt(source: string, ...path: readonly (string | number)[]): TomlTable {
  const found = readable(source).tables.find((table) => table.path.join() === path.join());
  if (found === undefined) throw new Error("no such table");
  return found;
}

function listIn(source: string): AST.TOMLArray {
  const value = findTomlPair(tableAt(source), "a")?.value;
  if (value?.type !== "TOMLArray") throw new Error("no list");
  return value;
}

function apply(source: string, splices: readonly Splice[]): string | null {
  return applyEdits(source, [
    { verdict: "edit", splices, changes: [], line: 1, why: "", purpose: "mirror" },
  ]);
}

describe("a TOML file", () => {
  it("has tables under headers, in lists, inline and at the top, each with its path", () => {
    const source = [
      "top = { x = { y = 1 }, list = [{ z = 2 }] }",
      "[one.two]",
      'key = { "in ner" = 1 }',
      "dotted.key = {}",
      "[[many]]",
      "[[many]]",
      "[many.below]",
    ].join("\n");
    expect(readable(source).tables.map(({ path }) => path)).toEqual([
      [],
      ["top"],
      ["top", "x"],
      ["top", "list", 0],
      ["one", "two"],
      ["one", "two", "key"],
      ["one", "two", "dotted", "key"],
      ["many", 0],
      ["many", 1],
      ["many", 1, "below"],
    ]);
  });

  it("keeps offsets and lines true behind a byte order mark", () => {
    const source = '\uFEFFa = 1\r\nb = "x"\n';
    const pair = findTomlPair(tableAt(source), "b");
    expect(source.slice(...(pair?.value.range ?? [0, 0]))).toBe('"x"');
    expect(readable(source).lineAt(pair?.range[0] ?? 0)).toBe(2);
    expect(tomlData(source)).toEqual({ a: 1, b: "x" });
  });

  it("that does not parse is a problem on its line, and no data", () => {
    expect(readToml("a = 1\nb = ]\nc = 2\n")).toMatchObject({
      line: 2,
      message: expect.stringMatching(/\w/),
    });
    expect(tomlData("a = \n")).toBeNull();
    // Allowed by TOML 1.1, and not by what reads a runner's file.
    expect(readToml("a = {\n  b = 1\n}\n")).toMatchObject({ line: 2 });
    expect(tomlData("a = {\n  b = 1\n}\n")).toBeNull();
  });

  it("gives the text of texts alone, and a list where all of it is texts", () => {
    const source =
      'text = "x"\nnumber = 1\nlist = ["x", "y"]\nmixed = ["x", 1]\nempty = []\n"q k" = 1';
    const valueOf = (key: string) => findTomlPair(tableAt(source), key)?.value;
    const keys = ["text", "number", "list", "none"];
    expect(keys.map((key) => tomlText(valueOf(key)))).toEqual(["x", null, null, null]);
    const lists = ["list", "mixed", "empty", "text", "none"];
    expect(lists.map((key) => tomlTexts(valueOf(key)))).toEqual([["x", "y"], null, [], null, null]);
    expect(findTomlPair(tableAt(source), "q k")).not.toBeNull();
  });
});

describe("a text added to the end of a list", () => {
  it.each([
    ["a = []", 'a = ["new"]'],
    ["a = [ ]", 'a = ["new" ]'],
    ["a = [\n]", 'a = ["new"\n]'],
    ['a = ["x"]', 'a = ["x", "new"]'],
    ['a = ["x", "y", ]', 'a = ["x", "y", "new", ]'],
    ['a = [\n  "x"\n]', 'a = [\n  "x",\n  "new"\n]'],
    ['a = [\n  "x",\n]', 'a = [\n  "x",\n  "new",\n]'],
    ['a = [\r\n\t"x"\r\n]\r\n', 'a = [\r\n\t"x",\r\n\t"new"\r\n]\r\n'],
    ['a = [\n  "x" # one, two\n]', 'a = [\n  "x", # one, two\n  "new"\n]'],
    ['a = [\n  "x", # one, two\n]', 'a = [\n  "x", # one, two\n  "new",\n]'],
    ['a = [\n  "x" # one\n  ,\n]', 'a = [\n  "x" # one\n  ,\n  "new",\n]'],
    ['a = ["x",\n  "y"]', 'a = ["x",\n  "y", "new"]'],
    ['a = [ "x"\n]', 'a = [ "x", "new"\n]'],
    ['a = [\n  "x", "y"\n]', 'a = [\n  "x", "y", "new"\n]'],
  ])("%j becomes %j", (source, expected) => {
    const after = apply(source, appendToList(source, listIn(source), "new"));
    expect(after).toBe(expected);
    const { a } = tomlData(source) as { a: readonly string[] };
    expect(tomlData(after ?? "")).toEqual({ a: [...a, "new"] });
  });
});

describe("a text put before an element of a list", () => {
  it.each([
    ['a = ["x", "y"]', 1, 'a = ["x", "new", "y"]'],
    ['a = ["x"]', 0, 'a = ["new", "x"]'],
    ['a = [\n  "x",\n  "y",\n]', 1, 'a = [\n  "x",\n  "new",\n  "y",\n]'],
    ['a = [\r\n\t"x"\r\n]', 0, 'a = [\r\n\t"new",\r\n\t"x"\r\n]'],
    ['a = [\n"x"\n]', 0, 'a = [\n"new",\n"x"\n]'],
  ])("%j before %i becomes %j", (source, index, expected) => {
    const element = listIn(source).elements[index];
    if (element === undefined) throw new Error("no such element");
    expect(apply(source, [insertBefore(source, element, "new")])).toBe(expected);
  });
});
