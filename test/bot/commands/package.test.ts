import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";

import { createDirectory, tidepool } from "./run.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Packs the bot and unpacks it into a `node_modules`, beside the dependencies that npm would put there. */
function install(): string {
  const app = createDirectory({});
  const pack = spawnSync("npm", ["pack", "--silent", "--pack-destination", app], {
    cwd: ROOT,
    encoding: "utf8",
  });
  expect(pack.status, pack.stderr).toBe(0);
  const [tarball] = readdirSync(app);
  const target = join(app, "node_modules/tidepool");
  mkdirSync(target, { recursive: true });
  spawnSync("tar", ["-xzf", join(app, tarball!), "-C", target, "--strip-components=1"]);
  const { dependencies } = JSON.parse(readFileSync(join(target, "package.json"), "utf8")) as {
    dependencies: object;
  };
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(app, "node_modules", name)), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), join(app, "node_modules", name));
  }
  return target;
}

describe("the packed bot", () => {
  it("holds JavaScript alone, and works from node_modules", () => {
    const target = install();
    expect(readdirSync(target).toSorted()).toEqual([
      "LICENSE",
      "README.md",
      "dist",
      "package.json",
    ]);
    const { bin } = JSON.parse(readFileSync(join(target, "package.json"), "utf8")) as {
      bin: { tidepool: string };
    };
    const cli = join(target, bin.tidepool);
    expect(readFileSync(cli, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(tidepool(["--version"], {}, cli).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const root = createDirectory({ ".gitlab-ci.yml": "services: [docker:dind]\n" });
    const { code, stdout, stderr } = tidepool(
      ["edit", root, "--mirror", "https://m.example"],
      {},
      cli,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(
      '+services: [{ name: docker:dind, command: ["--registry-mirror=https://m.example"] }]',
    );
    expect(tidepool(["lint", root], {}, cli).stdout).toBe("no mirror mistakes found\n");
  }, 60_000);
});
