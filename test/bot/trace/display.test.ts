import { describe, expect, it } from "vitest";

import { Display } from "../../../bot/trace/display.ts";

const ESC = "\u001B";

/** What is shown of lines: `section <name>`, or anchor and text. */
function shown(lines: readonly string[], wanted = /./): string[] {
  const seen: string[] = [];
  const display = new Display(
    {
      section: (name) => seen.push(`section ${name}`),
      text: ({ anchor, text }) => seen.push(`${anchor} ${text}`),
    },
    wanted,
  );
  for (const [index, text] of lines.entries())
    display.read({ number: index + 1, text, stream: null, time: null });
  return seen;
}

function marker(kind: "start" | "end", name: string): string {
  return `section_${kind}:1790419369:${name}\r${ESC}[0K`;
}

describe("the job page", () => {
  it.each([
    ["colours", `${ESC}[0;31mred${ESC}[0m and ${ESC}[1mbold`, "red and bold"],
    ["erased lines", `${ESC}[0K${ESC}[2Ktext`, "text"],
    ["private modes", `${ESC}[?25ltext${ESC}[?25h`, "text"],
    ["intermediate bytes", `${ESC}[1 qtext`, "text"],
    ["links, ended by a bell", `${ESC}]8;;https://a.example\u0007link${ESC}]8;;\u0007!`, "link!"],
    ["links, ended by ST", `${ESC}]8;;https://a.example${ESC}\\link${ESC}]8;;${ESC}\\!`, "link!"],
    ["single characters", `${ESC}Mup${ESC}\\`, "up"],
    ["an escape alone", `a${ESC}`, "a"],
    ["blanks at either end", "  text \t", "text"],
  ])("shows a line without %s", (_, line, text) => {
    expect(shown([line])).toEqual([`1 ${text}`]);
  });

  it("gives no number to what is empty", () => {
    expect(shown(["", "\r", `${ESC}[0K`, `${ESC}[0K\r`, "a", "", "b"])).toEqual(["1 a", "2 b"]);
  });

  it("splits a line at its sections, and tells of those that begin", () => {
    expect(
      shown([
        `${marker("start", "one[collapsed=true]")}a`,
        `b${marker("end", "one")}c${marker("start", "two.x-y_Z")}${marker("start", "three")}`,
        "d",
      ]),
    ).toEqual(["section one", "1 a", "2 b", "3 c", "section two.x-y_Z", "section three", "4 d"]);
  });

  it.each([
    "section_start:x:name\r\u001B[0K",
    "section_start:1:na me\r\u001B[0K",
    "section_begin:1:name\r\u001B[0K",
  ])("takes what only looks like a section's marker for text: %j", (line) => {
    expect(shown([line]).filter((word) => word.startsWith("section "))).toEqual([]);
  });

  it("wipes what stood before a carriage return, which was printed all the same", () => {
    expect(shown(["10%\r50%\r100%", "next"])).toEqual(["1 10%", "1 50%", "1 100%", "2 next"]);
    expect(shown(["a\r", "b"])).toEqual(["1 a", "2 b"]);
    expect(shown(["a\rb\r", "c"])).toEqual(["1 a", "1 b", "2 c"]);
    // Two at the end wipe all of it: what stood there has no number of its own.
    expect(shown(["a\r\r", "b"])).toEqual(["0 a", "1 b"]);
  });

  it("counts lines that nobody wants, and reports of the others the wanted parts alone", () => {
    expect(shown(["x", "want 1", "y", "z\rwant 2\rz"], /want/)).toEqual(["2 want 1", "4 want 2"]);
  });
});
