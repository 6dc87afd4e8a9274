import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatMarker,
  formatTrailer,
  hasNoteMarker,
  formatNoteMarker,
  parseMarker,
  parseTrailer,
  type Marker,
} from "../../../bot/render/marker.ts";

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const digest = hex(64).map((text) => `sha256:${text}`);
const marker: fc.Arbitrary<Marker> = fc
  .record({ v: fc.constant(1 as const), edit: digest, files: digest, base: hex(40), head: hex(40) })
  .chain((one) => fc.constantFrom(one, { ...one, closed: "obsolete" as const }));

describe("the marker", () => {
  it("is read back from any description as it was written", () => {
    fc.assert(
      fc.property(marker, fc.string(), fc.string(), (one, above, below) => {
        const text = `${above}\n${formatMarker(one)}\n${below.replaceAll("<!--", "")}`;
        expect(parseMarker(text)).toEqual(one);
      }),
    );
  });

  it("is read back from a description that came through a form with CRLF", () => {
    fc.assert(
      fc.property(marker, (one) => {
        expect(parseMarker(`a\r\n${formatMarker(one)}\r\n`)).toEqual(one);
      }),
    );
  });

  it("is read back from a commit message as it was written", () => {
    fc.assert(
      fc.property(marker, fc.string(), ({ v, edit, files, base }, subject) => {
        const one = { v, edit, files, base };
        expect(parseTrailer(`${subject}\n\n${formatTrailer(one)}\n`)).toEqual(one);
      }),
    );
  });

  it("that is not whole, of another version, or within a line is none", () => {
    const good = `<!-- tidepool {"v":1,"edit":"sha256:${"a".repeat(64)}","files":"sha256:${"a".repeat(64)}","base":"${"a".repeat(40)}","head":"${"a".repeat(40)}"} -->`;
    expect(parseMarker(good)).not.toBeNull();
    expect(parseMarker(`x ${good}`)).toBeNull();
    expect(parseMarker(good.replace('"v":1', '"v":2'))).toBeNull();
    expect(parseMarker(good.replace("aaaa", "zzzz"))).toBeNull();
    expect(parseMarker(good.replace("}", ""))).toBeNull();
    expect(parseMarker("<!-- tidepool {} -->")).toBeNull();
    expect(parseMarker("")).toBeNull();
  });

  it("of any text never throws", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseMarker(`<!-- tidepool {${text}} -->`);
        parseTrailer(`Tidepool: {${text}}`);
      }),
    );
  });

  it("of a comment is found only as a line of its own", () => {
    expect(hasNoteMarker(`${formatNoteMarker("obsolete")}\ntext`, "obsolete")).toBe(true);
    expect(hasNoteMarker(`${formatNoteMarker("obsolete")}\r\ntext`, "obsolete")).toBe(true);
    expect(hasNoteMarker(`> ${formatNoteMarker("obsolete")}`, "obsolete")).toBe(false);
    expect(hasNoteMarker(formatNoteMarker("obsolete"), "foreign-head")).toBe(false);
  });
});
