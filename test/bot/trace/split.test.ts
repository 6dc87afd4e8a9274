import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type LogLine, LineSplitter } from "../../../bot/trace/split.ts";

const TIME = "2026-09-26T10:42:49.140140Z";
/** So much of a line is read, */
const LINE = 64 * 1024;
/** and so much of the end of a longer one. */
const TAIL = 4 * 1024;

function split(...chunks: readonly (string | Uint8Array)[]): { lines: LogLine[]; count: number } {
  const lines: LogLine[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return { lines, count: splitter.count };
}

/** Number, stream and text of each line. */
function told(...chunks: readonly (string | Uint8Array)[]): [number, number | null, string][] {
  return split(...chunks).lines.map(({ number, stream, text }) => [number, stream, text]);
}

/** A line with a timestamp; `+` marks one that goes on. */
function part(mark: " " | "+", text: string): string {
  return `${TIME} 01O${mark}${text}\n`;
}

describe("a log without timestamps", () => {
  it("is cut at line feeds, each line with its number, and a last one without an end is one too", () => {
    expect(split("a\n\nb\r\nc")).toEqual({
      lines: [
        { number: 1, text: "a", stream: null, time: null },
        { number: 2, text: "", stream: null, time: null },
        { number: 3, text: "b\r", stream: null, time: null },
        { number: 4, text: "c", stream: null, time: null },
      ],
      count: 4,
    });
    expect(split("a\n").count).toBe(1);
    expect(split("")).toEqual({ lines: [], count: 0 });
  });

  it("gives every line whole, whatever the text and wherever it is cut", () => {
    const texts = fc.array(
      fc.string({ unit: "grapheme" }).map((line) => line.replaceAll("\n", "")),
    );
    fc.assert(
      fc.property(texts, fc.array(fc.nat({ max: 40 })), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) chunks.push(bytes.subarray(at, (at += cut)));
        expect(told(...chunks, bytes.subarray(at)).map(([, , text]) => text)).toEqual(lines);
      }),
    );
  });
});

describe("a log with timestamps", () => {
  it("has time and stream of each line taken off", () => {
    expect(split(`${TIME} 00O runner\n${TIME} 01E job\n${TIME} 0fO service`).lines).toEqual([
      expect.objectContaining({ number: 1, text: "runner", stream: 0, time: TIME }),
      expect.objectContaining({ number: 2, text: "job", stream: 1, time: TIME }),
      expect.objectContaining({ number: 3, text: "service", stream: 15, time: TIME }),
    ]);
  });

  it("has what goes on joined to where it began, under the number of its beginning", () => {
    const log = `${TIME} 01O a\n${TIME} 01O+b\n${TIME} 01O+c\n${TIME} 01O d\n`;
    expect(told(log)).toEqual([
      [1, 1, "abc"],
      [4, 1, "d"],
    ]);
  });

  it("joins nothing to another stream's line, to none, or to one without a timestamp", () => {
    const log = [`${TIME} 01O+a`, `${TIME} 00O+b`, `${TIME} 00E+c`, "plain", `${TIME} 00E+d`];
    expect(told(log.join("\n"))).toEqual([
      [1, 1, "a"],
      [2, 0, "b"],
      [3, 0, "c"],
      [4, null, "plain"],
      [5, 0, "d"],
    ]);
  });

  it.each([
    `2026-09-26T10:42:49.140140 01O x`,
    `${TIME} 01X x`,
    `${TIME} 1O x`,
    `${TIME} 01O-x`,
    `${TIME} 01O`,
    ` ${TIME} 01O x`,
    "2026-09-26 is when 2026-09-26T10:42:49.140140Z 01O was",
  ])("is none where a line only looks like it: %s", (line) => {
    expect(told(line)).toEqual([[1, null, line]]);
  });
});

describe("a line without end", () => {
  const middle = "m".repeat(100_000);

  it("is kept whole up to 64 Ki characters", () => {
    const longest = "x".repeat(LINE);
    expect(told(`${longest}\nb`)).toEqual([
      [1, null, longest],
      [2, null, "b"],
    ]);
    expect(told("x".repeat(LINE - 1), "x", "\nb")[0]?.[2]).toBe(longest);
    expect(told(`${longest}y`)[0]?.[2]).toBe(`${longest}\ry`);
  });

  it.each([
    ["in one chunk", (line: string) => [line]],
    ["in two", (line: string) => [line.slice(0, LINE - 7), line.slice(LINE - 7)]],
    ["in many", (line: string) => line.match(/[^]{1,999}/g) ?? []],
  ])("is kept with its start and its last 4 Ki: %s", (_, cut) => {
    const line = `${"s".repeat(LINE)}${middle}${"e".repeat(TAIL)}`;
    expect(told(...cut(`${line}\nnext\n`))).toEqual([
      [1, null, `${"s".repeat(LINE)}\r${"e".repeat(TAIL)}`],
      [2, null, "next"],
    ]);
  });

  it("of many parts with timestamps is kept in the same way", () => {
    const start = "s".repeat(LINE - 100);
    const fits = part(" ", start) + part("+", "e".repeat(100));
    expect(told(fits)).toEqual([[1, 1, `${start}${"e".repeat(100)}`]]);
    const over = part(" ", start) + part("+", "e".repeat(101));
    expect(told(over)).toEqual([[1, 1, `${start}\r${"e".repeat(101)}`]]);
    const long = part(" ", start) + part("+", "m".repeat(9000)) + part("+", "end");
    expect(told(long)).toEqual([[1, 1, `${start}\r${"m".repeat(99)}\rend`]]);
  });
});
