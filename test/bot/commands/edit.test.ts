import {
  chmodSync,
  linkSync,
  lstatSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { createDirectory, git, tidepool } from "./run.ts";

const MIRROR = ["--mirror", "https://mirror.example.dev"] as const;
const FLAG = '"--registry-mirror=https://mirror.example.dev"';
const BEFORE = "services:\n  - docker:24-dind # d\n";
const AFTER = `services:\n  - name: docker:24-dind # d\n    command: [${FLAG}]\n`;

describe("tidepool edit", () => {
  it("prints a diff and changes nothing", () => {
    const root = createDirectory({ ".gitlab-ci.yml": BEFORE });
    const { code, stdout } = tidepool(["edit", root, ...MIRROR]);
    expect(stdout).toContain("+  - name: docker:24-dind # d\n");
    expect(code).toBe(0);
    expect(readFileSync(join(root, ".gitlab-ci.yml"), "utf8")).toBe(BEFORE);
  });

  it("takes the mirror from TIDEPOOL_MIRROR, and the current directory where none is named", () => {
    const root = createDirectory({ ".gitlab-ci.yml": BEFORE });
    const { code, stdout } = tidepool(["edit", root], {
      TIDEPOOL_MIRROR: "https://mirror.example.dev",
    });
    expect(code).toBe(0);
    expect(stdout).toContain(FLAG);
  });

  it.each([
    ["plain", ".gitlab-ci.yml", BEFORE],
    ["CRLF, no newline at the end", ".gitlab-ci.yml", "services:\r\n  - docker:24-dind"],
    ["a name with blanks, quotes and letters beyond ASCII", 'ci/ä "b" c.yml', BEFORE],
    ["a tab in the name", "ci/a\tb.yml", BEFORE],
    [
      "lone carriage returns and separators in comments",
      ".gitlab-ci.yml",
      `${BEFORE}# a\rb\u2028c\u0085d\fe\n`,
    ],
    ["a mark", ".gitlab-ci.yml", `\uFEFF${BEFORE}`],
  ])(
    "prints what git apply takes, and git apply comes to the same as --write: %s",
    (_, path, source) => {
      const files = {
        ".gitlab-ci.yml": "include: /ci/*.yml\n",
        [path]: source,
        "ci/left.yml": "a: {script: podman pull x}\n",
      };
      const root = createDirectory(files);
      git(root, ["init", "-q"]);
      git(root, ["add", "-A"]);
      git(root, ["commit", "-q", "-m", "x"]);
      const { stdout } = tidepool(["edit", root, ...MIRROR]);
      const applied = git(root, ["apply"], stdout);
      expect(applied.stderr).toBe("");
      const byGit = readFileSync(join(root, path));
      git(root, ["checkout", "-q", "."]);
      tidepool(["edit", root, ...MIRROR, "--write"]);
      expect(readFileSync(join(root, path)).equals(byGit)).toBe(true);
      expect(byGit.toString()).toContain(FLAG);
    },
  );

  it("writes, keeps the mode, and has nothing to do afterwards", () => {
    const root = createDirectory({ ".gitlab-ci.yml": BEFORE });
    const path = join(root, ".gitlab-ci.yml");
    chmodSync(path, 0o751);
    expect(tidepool(["edit", root, ...MIRROR, "--write"]).code).toBe(0);
    expect(readFileSync(path, "utf8")).toBe(AFTER);
    expect(statSync(path).mode & 0o7777).toBe(0o751);
    expect(tidepool(["edit", root, ...MIRROR]).stdout).toBe(
      "left .gitlab-ci.yml:2: docker:24-dind has this mirror already\n",
    );
  });

  it("does not follow links, be it to a file or to a folder", () => {
    const outside = createDirectory({ "ci.yml": BEFORE, "ci/x.yml": BEFORE });
    const root = createDirectory({ ".gitlab-ci.yml": "include: [/linked.yml, /folder/x.yml]\n" });
    symlinkSync(join(outside, "ci.yml"), join(root, "linked.yml"));
    symlinkSync(join(outside, "ci"), join(root, "folder"));
    expect(tidepool(["edit", root, ...MIRROR, "--write"]).code).toBe(0);
    expect(readFileSync(join(outside, "ci.yml"), "utf8")).toBe(BEFORE);
    expect(readFileSync(join(outside, "ci/x.yml"), "utf8")).toBe(BEFORE);
    expect(lstatSync(join(root, "linked.yml")).isSymbolicLink()).toBe(true);
  });

  it("leaves another name of the same file as it was", () => {
    const root = createDirectory({ ".gitlab-ci.yml": BEFORE });
    linkSync(join(root, ".gitlab-ci.yml"), join(root, "other"));
    tidepool(["edit", root, ...MIRROR, "--write"]);
    expect(readFileSync(join(root, "other"), "utf8")).toBe(BEFORE);
    expect(readFileSync(join(root, ".gitlab-ci.yml"), "utf8")).toBe(AFTER);
  });

  it("keeps out of repositories within the repository, and of .git and node_modules", () => {
    const daemon = '{"debug": true}';
    const files = [
      "sub/daemon.json",
      ".git/daemon.json",
      "node_modules/a/daemon.json",
      "own/daemon.json",
    ];
    const root = createDirectory(Object.fromEntries(files.map((path) => [path, daemon])));
    writeFileSync(join(root, "sub/.git"), "gitdir: elsewhere\n");
    tidepool(["edit", root, ...MIRROR, "--write"]);
    expect(files.filter((path) => readFileSync(join(root, path), "utf8") !== daemon)).toEqual([
      "own/daemon.json",
    ]);
  });

  it("prints the plan as JSON", () => {
    const root = createDirectory({ ".gitlab-ci.yml": `${BEFORE}a:\n  script: dockerd\n` });
    const { code, stdout } = tidepool(["edit", root, ...MIRROR, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      files: [
        {
          path: ".gitlab-ci.yml",
          kind: "gitlab-ci",
          edits: [
            { line: 2, purpose: "mirror", splices: [{ start: 14, end: 14, text: "name: " }, {}] },
          ],
        },
      ],
      left: [{ path: ".gitlab-ci.yml", line: 4, code: "dockerd-in-script", attention: true }],
    });
    expect(code).toBe(1);
  });

  it("works on the asked layers alone", () => {
    const files = {
      ".gitlab-ci.yml": BEFORE,
      "daemon.json": "{}",
      "config.toml": '[[runners]]\n[[runners.docker.services]]\nname = "docker:dind"\n',
    };
    const changed = (only: string): string[] => {
      const { stdout } = tidepool([
        "edit",
        createDirectory(files),
        ...MIRROR,
        "--only",
        only,
        "--json",
      ]);
      return (JSON.parse(stdout) as { files: { path: string }[] }).files.map(({ path }) => path);
    };
    expect(changed("ci")).toEqual([".gitlab-ci.yml"]);
    expect(changed("daemon,runner")).toEqual(["config.toml", "daemon.json"]);
  });

  it("reads the CI configuration where the project has it", () => {
    const root = createDirectory({ "build/ci.yml": BEFORE, ".gitlab-ci.yml": BEFORE });
    const { stdout } = tidepool(["edit", root, ...MIRROR, "--ci-config", "build/ci.yml", "--json"]);
    expect(
      (JSON.parse(stdout) as { files: { path: string }[] }).files.map(({ path }) => path),
    ).toEqual(["build/ci.yml"]);
  });

  it("leaves what is no text, and says so", () => {
    const root = createDirectory({ ".gitlab-ci.yml": new Uint8Array([0xff, 0xfe, 0x61, 0x00]) });
    const { code, stdout } = tidepool(["edit", root, ...MIRROR]);
    expect(stdout).toBe("left .gitlab-ci.yml:1: could not be read as UTF-8 text\n");
    expect(code).toBe(1);
  });

  it("prints one line for each place, whatever a file says", () => {
    const root = createDirectory({
      ".gitlab-ci.yml": 'services: ["docker:$TAG\\e[31m\\n+++ b"]\n',
    });
    const { stdout } = tidepool(["edit", root, ...MIRROR]);
    expect(stdout.split("\n")).toHaveLength(2);
    expect(stdout).not.toContain("\u001B");
  });
});
