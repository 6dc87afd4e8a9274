import { readFile } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { parseProjectConfig, ProjectConfig } from "../../bot/project-config.ts";

describe(".tidepool.yml", () => {
  it("may be empty, or hold nothing but comments", () => {
    expect(parseProjectConfig("")).toEqual({});
    expect(parseProjectConfig("# nothing yet\n")).toEqual({});
  });

  it("says everything it can say", () => {
    const text = `enabled: true
layers: [ci, daemon]
reviewers: [jane]
assignees: [joe]
labels: [ci, "needs review"]
draft: true
commit_prefix: "chore(ci):"
`;
    expect(parseProjectConfig(text)).toEqual({
      enabled: true,
      layers: ["ci", "daemon"],
      reviewers: ["jane"],
      assignees: ["joe"],
      labels: ["ci", "needs review"],
      draft: true,
      commit_prefix: "chore(ci):",
    });
  });

  it.each([
    ["enable: false", 'unknown key "enable": did you mean "enabled"?'],
    ["Reviewer: [x]", 'unknown key "Reviewer": did you mean "reviewers"?'],
    ["commit-prefix: x", 'unknown key "commit-prefix": did you mean "commit_prefix"?'],
    [
      "colour: blue",
      'unknown key "colour": known keys are enabled, layers, reviewers, assignees, labels, draft, commit_prefix',
    ],
    ["- a", "must be a map of keys and values"],
    ["draft: yes please", "draft: Invalid input: expected boolean, received string"],
  ])("%s is refused with: %s", (text, problem) => {
    expect(parseProjectConfig(text)).toEqual({ problem });
  });

  it("never throws, and never takes a bomb of aliases", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: [*c,*c,*c,*c,*c,*c,*c,*c,*c]
`;
    expect(parseProjectConfig(bomb)).toHaveProperty("problem");
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseProjectConfig(text);
      }),
    );
  });

  it("is described by the published JSON Schema", async () => {
    const path = new URL("../../bot/project-config.schema.json", import.meta.url);
    const published: unknown = JSON.parse(await readFile(path, "utf8"));
    expect(published).toEqual(z.toJSONSchema(ProjectConfig));
  });
});
