import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { code, fenced, prose } from "../../../bot/render/markdown.ts";
import { scanText } from "../../helpers/fake-gitlab/text-effects.ts";

/** Text made of what does harm in GitLab's Markdown, and of anything. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "`",
        "``",
        "|",
        "\\",
        "<",
        ">",
        "@",
        "#",
        "!",
        "/",
        "\n",
        "\r",
        "*",
        "_",
        "[",
        "]",
        "&",
        "%",
        " ",
        "/close",
        "@all",
        "<img src=x>",
        "<!--",
        "-->",
      ),
      fc.string({ maxLength: 5 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""));

const NOTHING = { commands: [], mentions: [], html: [] };

describe("foreign text", () => {
  it("as code sets nothing off, in a paragraph or in a table's cell", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(scanText(`a ${code(text)} b`)).toEqual(NOTHING);
        expect(scanText(`| ${code(text)} | b |`)).toEqual(NOTHING);
      }),
      { numRuns: 2000 },
    );
  });

  it("as code stays on one line", () => {
    fc.assert(fc.property(hostile, (text) => !/[\r\n]/.test(code(text))));
  });

  it("in a sentence sets nothing off, wherever it stands", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(scanText(prose(text))).toEqual(NOTHING);
        expect(scanText(`| ${prose(text)} |`)).toEqual(NOTHING);
      }),
      { numRuns: 2000 },
    );
  });

  it("in a block sets nothing off and never ends it", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(scanText(`- a\n\n${fenced(text, "  ")}\n\nb`)).toEqual(NOTHING);
        expect(scanText(`${fenced(text)}\nb`)).toEqual(NOTHING);
      }),
      { numRuns: 2000 },
    );
  });

  it("that is harmless is shown as it is", () => {
    expect(code("docker:24-dind")).toBe("`docker:24-dind`");
    expect(code("a|b")).toBe("`a\\|b`");
    expect(code("a`b")).toBe("``a`b``");
    expect(prose("docker:24-dind gets --registry-mirror")).toBe(
      "docker:24-dind gets --registry-mirror",
    );
    expect(prose("takes user@host as it is")).toBe("takes user@\u2060host as it is");
  });

  it("that is very long is cut", () => {
    expect(code("x".repeat(10_000)).length).toBeLessThan(210);
    expect(prose("x".repeat(10_000)).length).toBeLessThan(1010);
    expect(fenced("x\n".repeat(10_000)).split("\n")).toHaveLength(23);
  });
});
