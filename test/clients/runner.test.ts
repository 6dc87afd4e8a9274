import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { until } from "./daemons.ts";
import { BUSYBOX } from "./images.ts";
import { type RunnerHost, hasHost, startHost } from "./runner-host.ts";

const run = promisify(execFile);

if (!hasHost)
  console.warn("skipped: openssh-server or docker.io is not installed, or this is not root");

const FIRST = '{"registry-mirrors": ["http://127.0.0.1:1"]}\n';
const SECOND = '{"registry-mirrors": ["http://127.0.0.1:2"], "live-restore": true}\n';

describe.skipIf(!hasHost)("the runner template, on a real host", { timeout: 120_000 }, () => {
  let host: RunnerHost;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-runner-"));
    host = await startHost(folder);
  });
  afterAll(async () => {
    await host.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await writeFile(join(folder, "calls"), "");
  });

  const mirrors = () => host.docker("info", "--format", "{{.RegistryConfig.Mirrors}}");
  const pid = () => readFile(join(folder, "pid"), "utf8");

  it("reloads nothing where nothing has changed", async () => {
    await host.write("daemon.json", FIRST);
    const { code, output } = await host.ship();
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain("nothing has changed");
    expect(await host.calls()).toEqual([]);
  });

  it("reloads dockerd where the mirrors have changed, and restarts nothing", async () => {
    const before = await pid();
    await host.write("daemon.json", SECOND);
    const { code, output } = await host.ship();
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain("daemon.json: reload for registry-mirrors, live-restore");
    expect(output).toContain("daemon.json: in force (reload)");
    expect(await mirrors()).toContain("http://127.0.0.1:2/");
    expect(await host.dockerLog()).toContain("Reloaded configuration");
    expect(await host.calls()).toEqual(["reload docker"]);
    expect(await pid()).toBe(before);
    expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
  });

  it("keeps the file's owner and rights, and leaves nothing beside it but the one before", async () => {
    await host.write("daemon.json", FIRST);
    await chmod(host.daemonJson, 0o640);
    expect((await host.ship()).code).toBe(0);
    expect((await stat(host.daemonJson)).mode & 0o777).toBe(0o640);
    const beside = (await readdir(folder)).filter((name) => name.startsWith("daemon.json"));
    expect(beside.toSorted()).toEqual(["daemon.json", "daemon.json.tidepool-before"]);
    expect(await readFile(`${host.daemonJson}.tidepool-before`, "utf8")).toBe(SECOND);
    await host.write("daemon.json", SECOND);
    expect((await host.ship()).code).toBe(0);
  });

  it.each([
    ["is no JSON", '{"registry-mirrors": [}', "daemon.json is no JSON"],
    ["is no object", "[]", "must be a JSON object"],
    ["has mirrors that are no list", '{"registry-mirrors": "x"}', "must be a list"],
  ])(
    "refuses a file that %s before anything is sent, and keeps the old one",
    async (_, text, why) => {
      await host.write("daemon.json", text);
      const { code, output } = await host.ship();
      expect(code).toBe(2);
      expect(output).toContain(why);
      expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
      expect(await host.calls()).toEqual([]);
    },
  );

  it("puts the old file back where dockerd refuses the new one at the reload", async () => {
    const before = await pid();
    await host.write(
      "daemon.json",
      '{"registry-mirrors": ["http://127.0.0.1:3", "ftp://x"], "live-restore": true}',
    );
    const { code, output } = await host.ship();
    expect(code).toBe(1);
    expect(output).toMatch(
      /the old daemon\.json is back, and dockerd runs|dockerd refuses daemon\.json/,
    );
    expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
    expect(await mirrors()).toContain("http://127.0.0.1:2/");
    expect(await pid()).toBe(before);
  });

  it("puts the old file back where the daemon does not come back from a restart", async () => {
    // Given by a flag too: each is fine by itself, and no look at the file alone can see it.
    await host.write("daemon.json", SECOND.replace("{", '{"data-root": "/nowhere", '));
    const { code, output } = await host.ship();
    expect(code).toBe(1);
    expect(output).toContain("daemon.json: restart for data-root");
    expect(output).toContain("the old daemon.json is back, and dockerd runs");
    expect(await host.calls()).toEqual(["restart docker", "reset-failed docker", "restart docker"]);
    expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
    expect(await mirrors()).toContain("http://127.0.0.1:2/");
  });

  it("restarts again with the old file where a daemon that came back is not as it should be", async () => {
    // It runs, and does not tell of the mirrors that were asked for.
    const stub = join(folder, "bin/docker");
    const script = `#!/bin/sh\ncase "$*" in *Mirrors*) exit 1 ;; esac\nexec /usr/bin/docker "$@"\n`;
    await writeFile(stub, script, { mode: 0o755 });
    await host.write("daemon.json", SECOND.replace("{", '{"log-driver": "local", '));
    const { code, output } = await host.ship();
    await rm(stub);
    expect(code).toBe(1);
    expect(output).toContain("the old daemon.json is back, and dockerd runs");
    expect(await host.calls()).toEqual(["restart docker", "reset-failed docker", "restart docker"]);
    expect(await host.docker("info", "--format", "{{.LoggingDriver}}")).toBe("json-file\n");
    expect(await mirrors()).toContain("http://127.0.0.1:2/");
  });

  it("ends what it began where the pipeline vanishes in the middle: the old file is back", async () => {
    await host.write("daemon.json", SECOND.replace("{", '{"data-root": "/nowhere", '));
    await host.shipAndVanish("restart docker");
    const isBack = async () =>
      (await host.calls()).length === 3 && (await mirrors()).includes(":2/");
    await until("dockerd with its old file", isBack);
    expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
  });

  it("restarts for a key that a reload leaves as it was: one that is gone", async () => {
    const before = await pid();
    await host.write("daemon.json", '{"live-restore": true}\n');
    const { code, output } = await host.ship();
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain("daemon.json: in force (restart)");
    expect(await mirrors()).toBe("[]\n");
    expect(await pid()).not.toBe(before);
    await host.write("daemon.json", SECOND);
    expect((await host.ship()).output).toContain("in force (reload)");
  });

  it("ends no container by a restart: it waits for live-restore, and with it the container lives on", async () => {
    await host.write("daemon.json", FIRST);
    expect((await host.ship()).output).toContain("restart for live-restore");
    const root = join(folder, "image");
    await mkdir(join(root, "bin"), { recursive: true });
    await copyFile(BUSYBOX, join(root, "bin/busybox"));
    await chmod(join(root, "bin/busybox"), 0o755);
    await run("tar", ["-C", root, "-cf", join(folder, "image.tar"), "."]);
    await host.docker("import", join(folder, "image.tar"), "sleeper");
    const command = ["sleeper", "/bin/busybox", "sleep", "600"];
    const id = (await host.docker("run", "--detach", "--network=none", ...command)).trim();

    await host.write("daemon.json", FIRST.replace("{", '{"log-driver": "local", '));
    const refused = await host.ship();
    expect(refused.code).toBe(1);
    expect(refused.output).toContain("would end the containers that run: set live-restore first");
    expect(await readFile(host.daemonJson, "utf8")).toBe(FIRST);

    await host.write("daemon.json", SECOND);
    expect((await host.ship()).output).toContain("in force (reload)");
    // The daemon has live-restore; the one that would come up with these files has not, or finds nothing.
    const endings = [
      [FIRST.replace("{", '{"log-driver": "local", '), 'does not say "live-restore": true'],
      [SECOND.replace("true", 'false, "log-driver": "local"'), 'does not say "live-restore": true'],
      [SECOND.replace("{", '{"bip": "10.9.0.1/24", '), "does not hold over a change of bip"],
    ] as const;
    for (const [text, why] of endings) {
      await host.write("daemon.json", text);
      const ended = await host.ship();
      expect(ended).toMatchObject({ code: 1, output: expect.stringContaining(why) as string });
      expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
    }
    expect(await host.docker("ps", "--quiet", "--no-trunc")).toBe(`${id}\n`);

    await host.write("daemon.json", SECOND.replace("{", '{"log-driver": "local", '));
    const { code, output } = await host.ship();
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain("in force (restart)");
    expect(await host.docker("ps", "--quiet", "--no-trunc")).toBe(`${id}\n`);
    await host.docker("rm", "--force", id);
    await host.write("daemon.json", SECOND);
    expect((await host.ship()).code).toBe(0);
  });

  it("asks a dockerd that can look at a file without starting, before it touches anything", async () => {
    // Docker 23 and later; the file itself is fine by all that the job can see.
    const dockerd = join(folder, "bin/dockerd");
    const validate = `#!/bin/sh
case "$*" in
  --help) echo "      --validate   Validate daemon configuration and exit" ;;
  "--validate --config-file "*/daemon.json) echo "unable to configure the Docker daemon: unknown-key" >&2; exit 1 ;;
  *) exit 64 ;;
esac
`;
    await writeFile(dockerd, validate, { mode: 0o755 });
    await host.write("daemon.json", SECOND.replace("{", '{"unknown-key": 1, '));
    const { code, output } = await host.ship();
    await rm(dockerd);
    expect(code).toBe(1);
    expect(output).toContain("dockerd refuses daemon.json: unable to configure the Docker daemon");
    expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
    expect(await host.calls()).toEqual([]);
  });

  it("waits for nobody who is at it already", async () => {
    await host.write("daemon.json", FIRST.replace(":1", ":5"));
    const lock = spawn("flock", [join(folder, "lock"), "sh", "-c", "echo held; read _"]);
    await once(lock.stdout, "data");
    const { code, output } = await host.ship();
    lock.stdin.end("\n");
    await once(lock, "exit");
    expect(code).toBe(1);
    expect(output).toContain("another change is under way on this host");
    expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
  });

  it("overwrites nothing that somebody else has changed since the job looked", async () => {
    const stage = await mkdtemp(join(folder, "stage-"));
    const apply = new URL("../../templates/runner/apply.sh", import.meta.url);
    await copyFile(apply, join(stage, "apply.sh"));
    await writeFile(join(stage, "daemon.json"), FIRST);
    await writeFile(join(stage, "daemon.json.sum"), `${"0".repeat(64)}\n`);
    await writeFile(join(stage, "action"), "reload\n");
    await writeFile(join(stage, "ends"), "");
    await writeFile(join(stage, "mirrors"), "http://127.0.0.1:1/\n");
    const command = [join(stage, "apply.sh"), host.daemonJson, host.configToml];
    await expect(run("sh", command)).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining("was changed by somebody else a moment ago") as string,
    });
    expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
    expect(existsSync(stage)).toBe(false);
  });

  it("trusts no host whose key is another than the one that was pinned", async () => {
    const known = join(folder, "other_hosts");
    const text = await readFile(join(folder, "known_hosts"), "utf8");
    const key = await readFile(join(folder, "user_key.pub"), "utf8");
    await writeFile(known, `${text.split(" ")[0]} ${key}`);
    const { code, output } = await host.ship({ SSH_KNOWN_HOSTS: known });
    expect(code).toBe(1);
    expect(output).toContain("Host key verification failed");
    expect(await host.calls()).toEqual([]);
  });

  it("stops at the first host that goes wrong", async () => {
    await host.write("daemon.json", FIRST.replace(":1", ":4"));
    const hosts = `root@127.0.0.1:1 ${host.address}`;
    const { code, output } = await host.ship({ RUNNER_HOSTS: hosts });
    expect(code).toBe(1);
    expect(output).toContain("root@127.0.0.1:1: cannot be asked");
    expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
  });
});
