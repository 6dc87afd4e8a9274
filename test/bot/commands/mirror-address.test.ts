import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { type Setup, startGitLab } from "../../helpers/gitlab-setup.ts";
import { DIND_CI, runJson, runOnboard } from "../../helpers/onboard.ts";
import { type Outcome, createDirectory, tidepool } from "./run.ts";

const CI = ".gitlab-ci.yml";
const SERVICE = "services: [docker:dind]\n";
const SECRET = "k3v9w2p8z1x6c4b7n5m0";

const WITH_SECRET = [
  `https://mirror.example/t/${SECRET}`,
  "https://mirror.example/t/SHORT",
  `https://${SECRET}.mirror.example:8443`,
];
const LOOPBACK = [
  "http://127.0.0.1:5000",
  "http://127.9.9.9",
  "http://localhost:5000",
  "https://localhost.",
  "http://a.localhost",
  "http://[::1]:5000",
  "http://[::ffff:127.0.0.1]",
  "http://0.0.0.0:5000",
  "http://[::]",
];
const FINE = [
  "https://mirror.example/t",
  "https://mirror.example/team",
  "https://docker-mirror.example",
  "http://10.0.0.5:5000",
  "http://[fd00::5]:5000",
];

function edit(url: string, files: Readonly<Record<string, string>> = { [CI]: SERVICE }): Outcome {
  return tidepool(["edit", createDirectory(files), "--mirror", url]);
}

describe("tidepool edit, of a mirror's address that others will read", () => {
  it.each(WITH_SECRET)("notes beside the patch that the secret is in it: %s", (url) => {
    const { code, stdout, stderr } = edit(url);
    expect(stdout).toContain(url);
    expect(stderr).toMatch(/^note: the mirror's URL holds a secret: whoever may read .*cidr:.*\n$/);
    expect(stderr).not.toContain(SECRET);
    expect(code).toBe(0);
  });

  it.each(LOOPBACK.slice(0, 4))("notes that %s is a container's own address", (url) => {
    expect(edit(url).stderr).toMatch(/^note: the mirror's host is this machine's own address,/);
  });

  it("has nothing to note of a host's own daemon, nor where nothing is written", () => {
    expect(edit("http://127.0.0.1:5000", { "daemon.json": "{}" }).stderr).toBe("");
    expect(edit(`https://m.example/t/${SECRET}`, { [CI]: "a: {script: ls}\n" }).stderr).toBe("");
    expect(edit("https://mirror.example").stderr).toBe("");
  });
});

describe("tidepool onboard", () => {
  let setup: Setup;

  beforeEach(async () => {
    setup = await startGitLab();
    setup.gitlab.world.addProject("acme/app", {
      files: { [CI]: DIND_CI.replace("24-dind", "dind") },
    });
    setup.gitlab.world.addProject("acme/old", { files: { [CI]: DIND_CI } });
  });
  afterEach(async () => {
    await setup.gitlab.stop();
  });

  it.each(WITH_SECRET)(
    "refuses to write a secret that nobody said may be read: %s",
    async (url) => {
      await expect(runOnboard(setup, ["--group", "acme"], { mirror: url })).rejects.toMatchObject({
        exitCode: 2,
        message: expect.stringMatching(
          /holds a secret: whoever may read .*cidr:.*runners' own configuration.*--secret-in-repository$/,
        ),
      });
      expect(setup.gitlab.log).toEqual([]);
    },
  );

  it("writes it where that is said, and leaves a daemon that would not start with it", async () => {
    const url = `https://mirror.example/t/${SECRET}`;
    const args = ["--group", "acme", "--secret-in-repository"];
    const { exitCode, lines } = await runJson(setup, args, { mirror: url });
    expect(exitCode).toBe(0);
    expect(lines.get("acme/app")?.status).toBe("opened");
    expect(lines.get("acme/old")).toMatchObject({
      status: "nothing",
      files: [],
      left: [{ line: 8, code: "old-dockerd" }],
    });
  });

  it.each(LOOPBACK)("refuses %s, which is a container's own address", async (url) => {
    const args = ["--group", "acme", "--secret-in-repository"];
    await expect(runOnboard(setup, args, { mirror: url })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("that container's own: nothing is there"),
    });
  });

  it.each(FINE)("takes %s", async (url) => {
    expect((await runOnboard(setup, ["--group", "acme"], { mirror: url })).exitCode).toBe(0);
  });
});
