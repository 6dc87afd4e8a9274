import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { applyEdits, verifyEdits } from "../../../bot/files/splice.ts";
import type { DataChange, Edit, Splice } from "../../../bot/files/types.ts";

function editOf(splices: readonly Splice[], changes: readonly DataChange[] = []): Edit {
  return { verdict: "edit", splices, changes, line: 1, why: "", purpose: "mirror" };
}

/** The data of a file; a new one each time, since checking changes it. */
function before(): unknown {
  return { list: [{ a: 1 }, { b: 2 }], keep: true };
}

/** A change of the whole file. */
function all(value: unknown): readonly DataChange[] {
  return [{ op: "replace", path: [], value }];
}

function splice(start: number, end: number, text = ""): Splice {
  return { start, end, text };
}

describe("splices", () => {
  it("come out byte for byte, of one edit or of several, in whatever order they are told", () => {
    const splices = [splice(4, 4, "<"), splice(0, 1, "A"), splice(6, 8), splice(8, 8, ">")];
    expect(applyEdits("abcdefgh", [editOf(splices)])).toBe("Abcd<ef>");
    expect(
      applyEdits(
        "abcdefgh",
        splices.map((one) => editOf([one])),
      ),
    ).toBe("Abcd<ef>");
    expect(applyEdits("abc", [])).toBe("abc");
  });

  it("may touch: what is put in comes before what is replaced, in the order told", () => {
    const touching = [splice(1, 2, "B"), splice(1, 1, "+"), splice(1, 1, "-"), splice(2, 3, "C")];
    expect(applyEdits("abc", [editOf(touching)])).toBe("a+-BC");
  });

  it.each([
    ["overlap", [splice(0, 2, "x"), splice(1, 3, "y")]],
    ["replace the same", [splice(0, 1, "x"), splice(0, 1, "y")]],
    ["stand inside one that goes", [splice(0, 3), splice(1, 1, "y")]],
    ["end before they begin", [splice(2, 1, "x")]],
    ["reach over the end", [splice(2, 4, "x")]],
    ["begin before the text", [splice(-1, 0, "x")]],
  ])("are all refused where two or one of them %s", (_, splices) => {
    expect(applyEdits("abc", [editOf(splices)])).toBeNull();
    expect(
      applyEdits(
        "abc",
        splices.map((one) => editOf([one])),
      ),
    ).toBeNull();
  });

  it("that do not overlap leave every character between them", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string(), fc.string())), (parts) => {
        let source = "";
        let expected = "";
        const splices: Splice[] = [];
        for (const [kept, gone, text] of parts) {
          // A letter keeps two places from being the same one.
          const start = source.length + kept.length + 1;
          splices.push(splice(start, start + gone.length, text));
          source += `${kept}.${gone}`;
          expected += `${kept}.${text}`;
        }
        expect(applyEdits(source, [editOf(splices.toReversed())])).toBe(expected);
      }),
    );
  });
});

describe("an edited file is taken for right", () => {
  const replaced: DataChange = { op: "replace", path: ["list", 0, "a"], value: 5 };

  it.each<[string, readonly DataChange[], unknown]>([
    ["a value replaced", [replaced], { list: [{ a: 5 }, { b: 2 }], keep: true }],
    [
      "an item replaced",
      [{ op: "replace", path: ["list", 1], value: 7 }],
      { list: [{ a: 1 }, 7], keep: true },
    ],
    [
      "an item put in between",
      [{ op: "add", path: ["list", 1], value: 7 }],
      { list: [{ a: 1 }, 7, { b: 2 }], keep: true },
    ],
    ["an item taken out", [{ op: "remove", path: ["list", 0] }], { list: [{ b: 2 }], keep: true }],
    ["a key taken out", [{ op: "remove", path: ["list"] }], { keep: true }],
    [
      "a key added",
      [{ op: "add", path: ["list", 1, "c"], value: null }],
      { list: [{ a: 1 }, { b: 2, c: null }], keep: true },
    ],
    ["all of it replaced", [{ op: "replace", path: [], value: [] }], []],
    ["nothing changed", [], before()],
  ])("where it differs by what was said: %s", (_, changes, after) => {
    expect(verifyEdits(before(), after, [editOf([splice(0, 0)], changes)])).toBe(true);
    expect(verifyEdits(before(), { other: after }, [editOf([splice(0, 0)], changes)])).toBe(false);
  });

  it("where the changes of several edits each name the places of the source", () => {
    const add = (at: number, value: string): Edit =>
      editOf([splice(at, at), splice(100 - at, 100 - at)], [{ op: "add", path: [at], value }]);
    const after = ["x", "a", "y", "b"];
    expect(verifyEdits(["a", "b"], after, [add(0, "x"), add(1, "y")])).toBe(true);
    expect(verifyEdits(["a", "b"], after, [add(1, "y"), add(0, "x")])).toBe(true);
    const both = editOf(
      [splice(0, 0)],
      [
        { op: "add", path: [0], value: "x" },
        { op: "add", path: [1], value: "y" },
      ],
    );
    expect(verifyEdits(["a", "b"], after, [both])).toBe(true);
  });

  const nowhere: readonly DataChange[] = [{ ...replaced, path: ["a", 0] }];

  it.each<[string, { source: unknown; after: unknown; changes: readonly DataChange[] }]>([
    [
      "more changed",
      {
        source: before(),
        after: { list: [{ a: 5 }, { b: 2 }], keep: false },
        changes: [replaced],
      },
    ],
    ["less changed", { source: before(), after: before(), changes: [replaced] }],
    ["the source was unreadable", { source: null, after: null, changes: [] }],
    ["the source was unreadable and all of it is new", { source: null, after: 5, changes: all(5) }],
    ["the result is unreadable", { source: {}, after: null, changes: [] }],
    ["the result is to be unreadable", { source: {}, after: null, changes: all(null) }],
    ["the place is not there", { source: {}, after: {}, changes: nowhere }],
    ["the place is in a text", { source: { a: "b" }, after: { a: "b" }, changes: nowhere }],
    ["the place is in null", { source: { a: null }, after: { a: null }, changes: nowhere }],
  ])("but not where %s", (_, { source, after, changes }) => {
    expect(verifyEdits(source, after, [editOf([splice(0, 0)], changes)])).toBe(false);
  });
});
