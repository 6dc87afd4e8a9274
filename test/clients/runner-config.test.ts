import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunnerHost, hasHost, startHost } from "./runner-host.ts";

const FIRST = '{"registry-mirrors": ["http://127.0.0.1:1"]}\n';
const SECOND = '{"registry-mirrors": ["http://127.0.0.1:2"], "live-restore": true}\n';
const TOKEN = "glrt-aaaabbbbccccdddd";
const RUNNER = `concurrent = 2
[[runners]]
  name = "one"
  url = "https://gitlab.example.com"
  token = "@RUNNER_TOKEN@"
  executor = "docker"
`;

describe.skipIf(!hasHost)("config.toml of a real host", { timeout: 120_000 }, () => {
  let host: RunnerHost;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-runner-"));
    host = await startHost(folder);
    await host.write("daemon.json", SECOND);
    expect((await host.ship()).code).toBe(0);
  });
  afterAll(async () => {
    await host.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await writeFile(join(folder, "calls"), "");
  });

  it("puts config.toml in place with the token from a variable, which is printed nowhere", async () => {
    await host.write("config.toml", RUNNER);
    const { code, output } = await host.ship({ RUNNER_TOKEN: TOKEN });
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).not.toContain(TOKEN);
    expect(await readFile(host.configToml, "utf8")).toBe(RUNNER.replace("@RUNNER_TOKEN@", TOKEN));
    expect((await stat(host.configToml)).mode & 0o777).toBe(0o600);
    const again = await host.ship({ RUNNER_TOKEN: TOKEN });
    expect(again.output).toContain("nothing has changed");
    expect(await host.calls()).toEqual([]);
  });

  it("leaves daemon.json alone where GitLab Runner ends with its new file", async () => {
    await host.write("config.toml", RUNNER.replace('"one"', '"ends"'));
    await host.write("daemon.json", FIRST);
    const { code, output } = await host.ship({ RUNNER_TOKEN: TOKEN });
    expect(code).toBe(1);
    expect(output).toContain("the old one is back, and daemon.json is as it was");
    expect(await readFile(host.configToml, "utf8")).toBe(RUNNER.replace("@RUNNER_TOKEN@", TOKEN));
    expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
    expect(await host.calls()).toEqual(["restart gitlab-runner"]);
  });

  it("puts config.toml back too where dockerd does not run with its new file", async () => {
    await host.write("config.toml", RUNNER.replace("= 2", "= 3"));
    await host.write("daemon.json", SECOND.replace("{", '{"data-root": "/nowhere", '));
    const { code, output } = await host.ship({ RUNNER_TOKEN: TOKEN });
    expect(code).toBe(1);
    expect(output).toContain("the old config.toml is back too");
    expect(await readFile(host.configToml, "utf8")).toBe(RUNNER.replace("@RUNNER_TOKEN@", TOKEN));
    expect(await readFile(host.daemonJson, "utf8")).toBe(SECOND);
    await host.write("config.toml", RUNNER);
    await host.write("daemon.json", SECOND);
  });

  it("asks GitLab Runner whether it loads the file, before it touches anything", async () => {
    // As its "list" does: a warning and 0 for what it cannot load, and each runner's token otherwise.
    const list = (loads: boolean) => `#!/bin/sh
[ "$1 $2" = "list --config" ] && grep -q glrt- "$3" || exit 64
${loads ? 'echo "Listing configured runners  ConfigFile=$3"; echo "one Token=$(grep glrt- "$3")"' : `echo 'WARNING: toml: line 1 (last key "${TOKEN}"): incompatible types'`}
`;
    const stub = join(folder, "bin/gitlab-runner");
    const changed = RUNNER.replace("= 2", "= 4");
    await host.write("config.toml", changed);
    await writeFile(stub, list(false), { mode: 0o755 });
    const refused = await host.ship({ RUNNER_TOKEN: TOKEN });
    await writeFile(stub, list(true), { mode: 0o755 });
    const loaded = await host.ship({ RUNNER_TOKEN: TOKEN });
    await host.write("config.toml", RUNNER);
    expect(refused.code).toBe(1);
    expect(refused.output).toContain(
      "gitlab-runner does not load config.toml: WARNING: toml: line 1",
    );
    expect(loaded.code).toBe(0);
    expect(refused.output + loaded.output).not.toContain(TOKEN);
    expect((await host.ship({ RUNNER_TOKEN: TOKEN })).code).toBe(0);
    await rm(stub);
  });

  it("leaves nothing on the host where the connection breaks while files are sent", async () => {
    const stub = join(folder, "bin/tar");
    const script = `#!/bin/sh\necho "$2" >${folder}/unpacked\n/usr/bin/tar "$@"\nexit 2\n`;
    await writeFile(stub, script, { mode: 0o755 });
    await host.write("config.toml", RUNNER.replace("= 2", "= 5"));
    const { code } = await host.ship({ RUNNER_TOKEN: TOKEN });
    await rm(stub);
    await host.write("config.toml", RUNNER);
    expect(code).toBe(1);
    const unpacked = (await readFile(join(folder, "unpacked"), "utf8")).trim();
    expect(unpacked).toMatch(/^\//);
    expect(existsSync(unpacked)).toBe(false);
  });

  it.each([
    { what: "is no TOML", text: "[[runners]\n", token: TOKEN, why: "config.toml is no TOML, line" },
    { what: "has no runner", text: "concurrent = 1\n", token: TOKEN, why: "has no [[runners]]" },
    { what: "lacks a variable", text: RUNNER, token: "", why: "RUNNER_TOKEN, which is not set" },
    { what: "a variable would break", text: RUNNER, token: 'x"\ny', why: "what cannot stand in" },
  ])("refuses a config.toml that $what, and keeps the old one", async ({ text, token, why }) => {
    const before = await readFile(host.configToml, "utf8");
    await host.write("config.toml", text);
    const { code, output } = await host.ship({ RUNNER_TOKEN: token });
    expect(code).toBe(2);
    expect(output).toContain(why);
    expect(await readFile(host.configToml, "utf8")).toBe(before);
    await host.write("config.toml", RUNNER);
  });
});
