import { describe, expect, it } from "vitest";
import { matchesPattern, namesOwner } from "../../../bot/onboard/path-pattern.ts";

describe("a pattern of paths", () => {
  it.each([
    ["acme/app", "acme/app", true],
    ["acme/app", "acme/app2", false],
    ["acme/*", "acme/app", true],
    ["acme/*", "acme/sub/app", false],
    ["acme/**", "acme/sub/app", true],
    ["acme/**/app", "acme/app", true],
    ["acme/**/app", "acme/a/b/app", true],
    ["acme/a?i", "acme/api", true],
    ["ACME/App", "acme/app", true],
    ["acme/a.b", "acme/axb", false],
    ["acme/(a+)+$", "acme/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", false],
  ])("%s and %s: %s", (pattern, path, expected) => {
    expect(matchesPattern(pattern, path)).toBe(expected);
  });

  it.each([
    ["acme/**", true],
    ["acme", false],
    ["**", false],
    ["*/app", false],
    ["a*/app", false],
  ])("%s names an owner: %s", (pattern, expected) => {
    expect(namesOwner(pattern)).toBe(expected);
  });
});
