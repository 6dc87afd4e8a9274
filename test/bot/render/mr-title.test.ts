import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseMirror, type Mirror } from "../../../bot/files/mirror.ts";
import { formatTitle, updateTitle } from "../../../bot/render/mr-title.ts";

function mirror(url: string): Mirror {
  const parsed = parseMirror(url);
  if (!parsed) throw new Error(url);
  return parsed;
}

describe("the title", () => {
  it("takes a prefix and the draft's word", () => {
    const options = { mirror: mirror("https://m.example.dev"), prefix: "", draft: false };
    expect(formatTitle(options)).toBe("Pull Docker Hub images through m.example.dev");
    expect(formatTitle({ ...options, prefix: "ci:", draft: true })).toBe(
      "Draft: ci: pull Docker Hub images through m.example.dev",
    );
  });

  it("written for one mirror and updated for another is the one written for the other", () => {
    const options = { draft: false, prefix: "" };
    fc.assert(
      fc.property(fc.domain(), fc.domain(), fc.boolean(), (one, other, draft) => {
        const [from, to] = [mirror(`https://${one}`), mirror(`https://${other}`)];
        const title = formatTitle({ ...options, draft, mirror: from });
        expect(updateTitle(title, to)).toBe(formatTitle({ ...options, draft, mirror: to }));
      }),
    );
  });

  it("that people gave stays", () => {
    expect(updateTitle("Use the mirror", mirror("https://m.example.dev"))).toBe("Use the mirror");
  });
});
