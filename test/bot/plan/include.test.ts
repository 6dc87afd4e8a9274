import { describe, expect, it } from "vitest";

import { parseMirror } from "../../../bot/files/mirror.ts";
import { matchesInclude } from "../../../bot/plan/include-path.ts";
import { createPlan } from "../../../bot/plan/plan.ts";
import { createMemoryFiles } from "../../../bot/plan/repository.ts";

const mirror = parseMirror("https://mirror.example.dev")!;
const DIND = "job:\n  services:\n    - docker:dind\n";

async function changed(
  files: Readonly<Record<string, string>>,
  ciConfigPath?: string,
): Promise<string[]> {
  const plan = await createPlan(createMemoryFiles(files), { mirror, ciConfigPath });
  return plan.files.map(({ path }) => path);
}

describe("wildcards of include:local", () => {
  it.each([
    ["ci/*.yml", "ci/a.yml", true],
    ["ci/*.yml", "ci/b/a.yml", false],
    ["ci/**.yml", "ci/b/a.yml", true],
    ["ci/**/*.yml", "ci/b/c/a.yml", true],
    ["ci/**/*.yml", "ci/a.yml", true],
    ["**/*.yml", "a.yml", true],
    ["ci/*.yml", "ci/.a.yml", true],
    ["ci/a+b.yml", "ci/aab.yml", false],
    ["ci/[a].yml", "ci/[a].yml", true],
    ["*", "a", true],
    ["**", "", true],
    ["a*b*c", "aXXbYYc", true],
    ["a*b*c", "aXXbYY", false],
  ])("%s and %s: %s", (pattern, path, expected) => {
    expect(matchesInclude(pattern, path)).toBe(expected);
  });

  it("takes no time whatever the pattern", () => {
    expect(matchesInclude(`${"*a".repeat(500)}b`, "a".repeat(500))).toBe(false);
    expect(matchesInclude(`${"**/".repeat(200)}b`, "a/".repeat(500))).toBe(false);
  });
});

describe("included files", () => {
  it.each([
    ["a text", "include: /ci/a.yml\n"],
    ["a list", "include:\n  - /ci/a.yml\n  - template: X.gitlab-ci.yml\n"],
    ["local", "include:\n  local: ci/a.yml\n"],
    ["a list of local", 'include:\n  - local: "/ci/a.yml"\n    rules:\n      - if: $X\n'],
    ["a wildcard", 'include: "/ci/*.yml"\n'],
    ["a variable", "variables: {DIR: ci}\ninclude: /$DIR/a.yml\n"],
    ["a child pipeline", "child:\n  trigger:\n    include: ci/a.yml\n"],
    [
      "a child pipeline's list",
      "child:\n  trigger:\n    include:\n      - local: ci/a.yml\n      - artifact: x\n",
    ],
  ])("are followed: %s", async (_, root) => {
    expect(await changed({ ".gitlab-ci.yml": root, "ci/a.yml": DIND, "ci/a.txt": DIND })).toEqual([
      "ci/a.yml",
    ]);
  });

  it("are followed further, and in circles", async () => {
    const files = {
      ".gitlab-ci.yml": "include: a.yml\n",
      "a.yml": "include: b.yml\n",
      "b.yml": `include: a.yml\n${DIND}`,
    };
    expect(await changed(files)).toEqual(["b.yml"]);
  });

  it("share variables, references and anchors as GitLab has them", async () => {
    const files = {
      ".gitlab-ci.yml": "include: [a.yml, b.yml]\nvariables: {IMAGE: docker:24-dind}\n",
      "a.yml": "job:\n  services: [$IMAGE]\nother:\n  services:\n    - !reference [.shared]\n",
      "b.yml": ".shared:\n  - docker:dind\n",
    };
    expect(await changed(files)).toEqual(["a.yml", "b.yml"]);
  });

  it("are not followed where the repository does not hold them", async () => {
    expect(
      await changed({ ".gitlab-ci.yml": "include: [../x.yml, none.yml]\n", "x.yml": DIND }),
    ).toEqual([]);
  });

  it("start from the file that the project names", async () => {
    const files = { ".gitlab-ci.yml": DIND, "build/ci.yml": DIND };
    expect(await changed(files, "/build/ci.yml")).toEqual(["build/ci.yml"]);
  });
});

describe("settings that do nothing", () => {
  it("are not removed where an included file reads them", async () => {
    const root =
      "include: a.yml\nvariables:\n  A: b\n  DOCKER_OPTS: --registry-mirror=https://x.example\n";
    const plan = (a: string): ReturnType<typeof createPlan> =>
      createPlan(createMemoryFiles({ ".gitlab-ci.yml": root, "a.yml": a }), { mirror, tidy: true });
    expect((await plan("a:\n  script: dockerd $DOCKER_OPTS\n")).files).toEqual([]);
    expect((await plan("a:\n  script: make\n")).files).toHaveLength(1);
  });
});
