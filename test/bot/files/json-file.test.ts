import { describe, expect, it } from "vitest";

import { findValue, isJsonProblem, jsonData, readJson } from "../../../bot/files/json-file.ts";

describe("a JSON file", () => {
  it("that is an object is read, with offsets that are true behind a byte order mark", () => {
    for (const mark of ["", "\uFEFF"]) {
      const source = `${mark}{\n  "a": 1,\n  "b": [2]\n}\n`;
      const file = readJson(source);
      if (isJsonProblem(file)) throw new Error(file.message);
      const found = findValue(file.root, "b");
      const { offset, length } = found?.value ?? { offset: 0, length: 0 };
      expect(source.slice(offset, offset + length)).toBe("[2]");
      expect(file.lineAt(offset)).toBe(3);
      expect(found?.key.value).toBe("b");
      expect(jsonData(source)).toEqual({ a: 1, b: [2] });
    }
  });

  it("with a key twice has the last one's value, and none for a key that is not there", () => {
    const file = readJson('{"a": 1, "b": 2, "a": 3}');
    if (isJsonProblem(file)) throw new Error(file.message);
    expect(findValue(file.root, "a")?.value.value).toBe(3);
    expect(findValue(file.root, "c")).toBeNull();
  });

  it.each([
    ['{\n  // why\n  "a": 1\n}', "comment", 2],
    ['{\n  "a": 1, /* why */\n  "b": 2\n}', "comment", 2],
    ['{\n  "a": 1,\n}', "trailing-comma", 3],
    ['{\n\n  "a": [1,],\n  // why\n}', "trailing-comma", 3],
    ['{\n  "a" 1\n}', "syntax", 2],
    ['{\n  // why\n  "a": 1,,\n}', "syntax", 3],
    ["", "syntax", 1],
    ['{\n  "a": {{ value }}\n}', "template", 2],
    ['{% if x %}\n{"a": 1}', "template", 1],
    ['{\n  "a": ${value}\n}', "template", 2],
    ['<%= x %>{"a": 1}', "template", 1],
    ["[1]", "no-object", 1],
    ['\n"text"', "no-object", 1],
    ["null", "no-object", 1],
    ['"{{ value }}"', "no-object", 1],
  ])("%j is a problem: %s on line %i", (source, kind, line) => {
    expect(readJson(source)).toMatchObject({
      kind,
      line,
      message: expect.stringMatching(/^(?:is|has|holds|contains) (?:a|no) \w+/),
    });
  });

  it("says with what code its syntax is wrong", () => {
    expect(readJson('{"a" 1}')).toMatchObject({ message: "is no JSON (ColonExpected)" });
  });

  it("with braces in its texts is no template", () => {
    expect(isJsonProblem(readJson('{"log-opts": {"tag": "{{.Name}}"}}'))).toBe(false);
  });

  it("nested without end is a problem, and does not throw", () => {
    const deep = `${'{"a":'.repeat(100_000)}1`;
    expect(readJson(deep)).toMatchObject({ kind: "syntax", line: 1 });
    expect(jsonData(deep)).toBeNull();
  });

  it.each(['{"a": 1,}', "// why\n{}", "", "{"])("%j is no data", (source) => {
    expect(jsonData(source)).toBeNull();
  });
});
