import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";

import { RULES } from "../../../bot/files/finding.ts";
import { parseMirror } from "../../../bot/files/mirror.ts";
import { lintRepository } from "../../../bot/plan/lint.ts";
import { createMemoryFiles } from "../../../bot/plan/repository.ts";
import { CLEAN_FILES, LINT_CASES, type LintCase } from "./lint-cases.ts";
import { createDirectory, tidepool } from "./run.ts";

const mirror = parseMirror("https://mirror.example.dev");

/** @see GitLab's documentation, "Code Quality report format": what each entry has to have. */
const CODE_QUALITY = {
  type: "array",
  items: {
    type: "object",
    required: ["description", "check_name", "fingerprint", "location", "severity"],
    properties: {
      description: { type: "string", minLength: 1 },
      check_name: { type: "string", minLength: 1 },
      fingerprint: { type: "string", minLength: 1 },
      severity: { enum: ["info", "minor", "major", "critical", "blocker"] },
      location: {
        type: "object",
        required: ["path", "lines"],
        properties: {
          // Relative to the repository, and not with `./` in front.
          path: { type: "string", pattern: "^[^./]|^\\.[^./]" },
          lines: {
            type: "object",
            required: ["begin"],
            properties: { begin: { type: "integer", minimum: 1 } },
          },
        },
      },
    },
  },
};

function findings({
  path,
  source,
  others,
  mirror: wants,
}: LintCase): ReturnType<typeof lintRepository> {
  const files = createMemoryFiles({ ...others, [path ?? ".gitlab-ci.yml"]: source });
  return lintRepository(files, { mirror: wants === true ? mirror : null });
}

describe("the rules", () => {
  it.each(LINT_CASES)("$rule is found on its line ($path)", async (row) => {
    const found = await findings(row);
    expect(found.map(({ rule, line }) => ({ rule, line }))).toEqual([
      { rule: row.rule, line: row.line },
    ]);
    for (const { message, mend } of found) {
      expect(message).toMatch(/\.$/);
      expect(mend).toMatch(/\.$/);
    }
  });

  it.each([
    [
      "a comment",
      '{\n  // here\n  "registry-mirror": ["https://m.example"]\n}\n',
      "daemon-comment",
    ],
    ["a comma", '{\n  "debug": true,\n  "registry-mirror": [],\n}\n', "daemon-invalid-json"],
  ])("name what else is wrong beside %s that dockerd refuses", async (_, source, rule) => {
    const found = await lintRepository(createMemoryFiles({ "daemon.json": source }), { mirror });
    expect(found.map((item) => item.rule).toSorted()).toEqual(
      [rule, "daemon-singular-key"].toSorted(),
    );
    expect(found.find((item) => item.rule === "daemon-singular-key")?.line).toBe(3);
  });

  it("all have a case", () => {
    expect(Object.keys(RULES).filter((id) => !LINT_CASES.some(({ rule }) => rule === id))).toEqual(
      [],
    );
  });

  it("find nothing where nothing is wrong", async () => {
    expect(await lintRepository(createMemoryFiles(CLEAN_FILES), { mirror: null })).toEqual([]);
  });
});

describe("tidepool lint", () => {
  const root = createDirectory({
    ".gitlab-ci.yml":
      "a:\n  services:\n    - name: docker:24-dind\n      command: [--registry-mirror=$M]\n    - name: docker:24-dind\n      command: [--registry-mirror=$M]\n",
    "deep/daemon.json": '{ "registry-mirror": [] }\n',
  });

  it("prints file, line, rule, what happens and how to mend it", () => {
    const { code, stdout } = tidepool(["lint", root]);
    expect(code).toBe(1);
    expect(stdout).toContain(
      ".gitlab-ci.yml:4: error service-command-variable\n  docker:24-dind: GitLab does not expand",
    );
    expect(stdout).toMatch(/3 found\n$/);
  });

  it("prints JSON", () => {
    const found = JSON.parse(tidepool(["lint", root, "--format", "json"]).stdout) as unknown[];
    expect(found).toHaveLength(3);
    expect(found[2]).toMatchObject({
      path: "deep/daemon.json",
      rule: "daemon-singular-key",
      severity: "error",
      line: 1,
    });
  });

  it("prints a code quality report as GitLab wants it, each fingerprint its own and the same every time", () => {
    const { stdout } = tidepool(["lint", root, "--format", "codequality"]);
    const report = JSON.parse(stdout) as { fingerprint: string }[];
    const validate = new Ajv().compile(CODE_QUALITY);
    expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
    expect(new Set(report.map(({ fingerprint }) => fingerprint)).size).toBe(3);
    expect(tidepool(["lint", root, "--format", "codequality"]).stdout).toBe(stdout);
  });

  it("ends with 0 and an empty report where nothing is wrong", () => {
    const clean = createDirectory(CLEAN_FILES);
    expect(tidepool(["lint", clean, "--format", "codequality"])).toMatchObject({
      code: 0,
      stdout: "[]\n",
    });
    expect(tidepool(["lint", clean]).stdout).toBe("no mirror mistakes found\n");
  });
});
