import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { SEEDS, checkFile, createRandom, mutate } from "./hostile.ts";

const PATHS = [
  ".gitlab-ci.yml",
  "daemon.json",
  "config.toml",
  "buildkitd.toml",
  "values.yaml",
  "main.tf",
  "daemon.json.j2",
] as const;

describe("files that may hold anything", () => {
  it("never make the editor throw, hang or change more than it says (damaged files)", async () => {
    const random = createRandom(4);
    for (let round = 0; round < 1500; round += 1) {
      const seed = SEEDS[round % SEEDS.length]!;
      const file = { ...seed, source: mutate(seed.source, random) };
      expect(await checkFile(file, round), `${file.path}\n${file.source}`).toBeNull();
    }
  });

  it("never make the editor throw (any text)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...PATHS),
        fc.string({ unit: "binary", maxLength: 200 }),
        async (path, source) => {
          expect(await checkFile({ path, source }, source.length)).toBeNull();
        },
      ),
      { numRuns: 500, seed: 7 },
    );
  });

  it.each([
    ["brackets nested too deep", "[".repeat(20_000)],
    ["maps nested too deep", "{a: ".repeat(20_000)],
    [
      "indentation without end",
      Array.from({ length: 3000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"),
    ],
    ["dashes without end", "- ".repeat(5000)],
    ["an alias of itself", "a: &a\n  services: *a\nb: &b [*b]\nc:\n  services: [*b]\n"],
    ["a merge key of itself", "a: &a\n  <<: *a\nb:\n  <<: *a\n"],
    ["variables in a circle", "variables: {A: $B, B: $A}\na:\n  services: [$A]\n"],
    [
      "references in a circle",
      "a:\n  services:\n    - !reference [b, services]\nb:\n  services:\n    - !reference [a, services]\n",
    ],
    ["an include of itself", "include: /.gitlab-ci.yml\na:\n  services: [docker:dind]\n"],
    ["extends in a circle", "a:\n  extends: b\n  image: docker\nb:\n  extends: a\n"],
    ["a wildcard of stars", `include: "${"*".repeat(200)}x"\n`],
    ["a long line", `a:\n  script: "${"x ".repeat(200_000)}"\n`],
    [
      "a billion laughs",
      `a: &a [x, x]\n${Array.from({ length: 20 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n || ""}, *a${n || ""}]`).join("\n")}\nz:\n  services: *a20\n`,
    ],
  ])("stand: %s", async (_, source) => {
    for (const path of PATHS) {
      expect(await checkFile({ path, source }, 0)).toBeNull();
    }
  });
});
