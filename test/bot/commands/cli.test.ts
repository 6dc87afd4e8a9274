import { performance } from "node:perf_hooks";

import { describe, expect, it } from "vitest";

import { createDirectory, tidepool } from "./run.ts";

describe("the command line", () => {
  it("answers --help at once", () => {
    const times = [1, 2, 3].map(() => {
      const start = performance.now();
      const { code, stdout } = tidepool(["--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain("edit");
      return performance.now() - start;
    });
    // Measured 60 to 110 ms; the rest is for machines that are busy with something else.
    expect(Math.min(...times)).toBeLessThan(1000);
  });

  it.each(["edit", "lint", "doctor"])("has a help text with an example: %s", (command) => {
    const { code, stdout } = tidepool([command, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Example:\n {2}tidepool /);
  });

  it("prints the version", () => {
    expect(tidepool(["--version"]).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  const dir = createDirectory({});
  it.each<[string, string[], RegExp]>([
    ["no command", [], /^$/],
    ["an unknown command", ["bake"], /no command "bake"/],
    ["an inherited name", ["constructor"], /no command/],
    ["an unknown flag", ["edit", dir, "--bogus"], /--bogus/],
    ["a flag without its value", ["edit", dir, "--mirror"], /--mirror/],
    ["a word too many", ["edit", dir, dir, "--mirror", "https://m.example"], /one word too many/],
    ["no mirror", ["edit", dir], /TIDEPOOL_MIRROR/],
    ["a mirror without a scheme", ["edit", dir, "--mirror", "m.example"], /--mirror must be a URL/],
    [
      "a mirror with a password",
      ["edit", dir, "--mirror", "https://u:secret@m.example"],
      /without credentials/,
    ],
    ["a variable as mirror", ["edit", dir, "--mirror", "https://$HOST"], /--mirror must be a URL/],
    ["no directory", ["edit", `${dir}/none`, "--mirror", "https://m.example"], /is no directory/],
    [
      "an unknown layer",
      ["edit", dir, "--mirror", "https://m.example", "--only", "k8s"],
      /--only takes/,
    ],
    [
      "an unknown policy",
      ["edit", dir, "--mirror", "https://m.example", "--conflict", "x"],
      /--conflict takes/,
    ],
    [
      "an unreadable expansion",
      ["edit", dir, "--mirror", "https://m.example", "--merged-yaml", "none"],
      /cannot be read/,
    ],
    [
      "a doctor's patience without end",
      ["doctor", "--mirror", "https://m.example", "--timeout", "0"],
      /--timeout must be whole seconds/,
    ],
    [
      "no image",
      ["doctor", "--mirror", "https://m.example", "--image", "a b"],
      /--image must be an image/,
    ],
    ["an unknown format", ["lint", dir, "--format", "xml"], /--format takes/],
  ])("ends with 2: %s", (_, args, message) => {
    const { code, stderr } = tidepool(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("secret");
    expect(stderr).not.toContain("    at ");
  });

  it("shows the stack where it is asked to", () => {
    expect(tidepool(["edit", dir, "--debug"]).stderr).toContain("    at ");
  });
});
