import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  endOfLine,
  endOfPreviousLine,
  lineBreakAt,
  lineCounter,
  startOfLine,
  textBefore,
  withoutByteOrderMark,
} from "../../../bot/files/source-text.ts";

/** Lines that hold no line end, each with the one behind it; the last has none. */
const text = fc.record({
  lines: fc.array(
    fc.string().map((line) => line.replaceAll(/[\r\n]/g, "")),
    { minLength: 1 },
  ),
  lineBreak: fc.constantFrom("\n" as const, "\r\n" as const),
});

describe("a place in a text", () => {
  it("has its line's number, start and end, and the end of the line before, whatever the line ends", () => {
    fc.assert(
      fc.property(text, ({ lines, lineBreak }) => {
        const source = lines.join(lineBreak);
        const lineAt = lineCounter(source);
        let start = 0;
        for (const [number, line] of lines.entries()) {
          const end = start + line.length;
          for (let offset = start; offset <= end; offset += 1) {
            expect(lineAt(offset)).toBe(number + 1);
            expect(startOfLine(source, offset)).toBe(start);
            expect(endOfLine(source, offset)).toBe(end);
            expect(endOfPreviousLine(source, offset)).toBe(
              number === 0 ? 0 : start - lineBreak.length,
            );
            expect(textBefore(source, offset)).toBe(source.slice(start, offset));
            expect(lineBreakAt(source, offset)).toBe(lines.length === 1 ? "\n" : lineBreak);
          }
          start = end + lineBreak.length;
        }
      }),
    );
  });

  it("in a text of both kinds of line ends has that of its own line, or of the one before the last", () => {
    const source = "a\r\nb\nc";
    expect([0, 3, 5].map((offset) => lineBreakAt(source, offset))).toEqual(["\r\n", "\n", "\n"]);
    expect(lineBreakAt("a\nb\r\nc", 5)).toBe("\r\n");
    expect(lineBreakAt("\nb", 0)).toBe("\n");
    expect(lineBreakAt("", 0)).toBe("\n");
  });

  it("behind a carriage return is not set back before where it stands", () => {
    expect(endOfLine("a\r\nb", 2)).toBe(2);
    expect(endOfLine("a\r\nb", 1)).toBe(1);
    expect(endOfLine("\n\n", 1)).toBe(1);
  });
});

it("a byte order mark stands before the first column", () => {
  expect(withoutByteOrderMark("\uFEFFa")).toBe("a");
  expect(withoutByteOrderMark("a\uFEFF")).toBe("a\uFEFF");
  expect(withoutByteOrderMark("")).toBe("");
});
