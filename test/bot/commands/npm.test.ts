import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";

import { type Outcome, createDirectory, tidepool } from "./run.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const MISTAKE = "a:\n  services:\n    - name: docker:dind\n      command: [--registry-mirror=$M]\n";

/** The README's way to start the bot out of a clone: npm runs it in the clone, and not where the user stands. */
function byNpm(cwd: string, args: readonly string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(
    "npm",
    ["--prefix", ROOT, "run", "-s", "tidepool", "--", ...args],
    { cwd, encoding: "utf8", env: { PATH: process.env["PATH"], HOME: cwd } },
  );
  return { code: status, stdout, stderr };
}

describe("the bot started by npm out of a clone", () => {
  it.each([[["lint", "."]], [["lint"]]])("takes paths from where the user stands: %s", (args) => {
    const { code, stdout } = byNpm(createDirectory({ ".gitlab-ci.yml": MISTAKE }), args);
    expect(stdout).toContain(".gitlab-ci.yml:4: error service-command-variable\n");
    expect(code).toBe(1);
  });

  it("edits that folder, and reads the file of a flag from it", () => {
    const cwd = createDirectory({
      "sub/.gitlab-ci.yml": "services: [docker:dind]\n",
      "merged.yml": "services: [docker:dind]\n",
    });
    const args = ["edit", "sub", "--mirror", "https://m.example", "--merged-yaml", "merged.yml"];
    const { code, stdout, stderr } = byNpm(cwd, args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("--registry-mirror=https://m.example");
  });

  it("takes them from its own folder where another script of npm's started it", () => {
    const elsewhere = createDirectory({ ".gitlab-ci.yml": MISTAKE });
    const env = { INIT_CWD: elsewhere, npm_lifecycle_event: "check" };
    expect(tidepool(["edit", "none", "--mirror", "https://m.example"], env).stderr).not.toContain(
      elsewhere,
    );
  });
});
