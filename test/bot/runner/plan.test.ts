import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createDirectory } from "../commands/run.ts";

const PLAN = fileURLToPath(new URL("../../../bot/runner/plan.ts", import.meta.url));

/** Runs the plan on a folder with these files, as the runner template does for each host. */
function plan(files: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) {
  const folder = createDirectory(files);
  const { status, stdout, stderr } = spawnSync(process.execPath, [PLAN, folder], {
    encoding: "utf8",
    env,
  });
  const read = (name: string): string | null =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : null;
  return { status, output: `${stdout}${stderr}`, read };
}

describe("the plan for a daemon.json", () => {
  const mirrors = '{"registry-mirrors": ["https://a.example"]}';

  it.each([
    { what: "the same bytes", before: mirrors, after: mirrors, action: "none", ships: false },
    { what: "other blanks", before: mirrors, after: `${mirrors}\n`, action: "none", ships: true },
    { what: "other mirrors", before: "{}", after: mirrors, action: "reload", ships: true },
    {
      what: "no mirror more",
      before: mirrors,
      after: '{"registry-mirrors": []}',
      action: "reload",
      ships: true,
    },
    { what: "a key that is gone", before: mirrors, after: "{}", action: "restart", ships: true },
    {
      what: "a key no reload reads",
      before: "{}",
      after: '{"log-driver": "local"}',
      action: "restart",
      ships: true,
    },
    { what: "a broken file before", before: "{", after: mirrors, action: "restart", ships: true },
    { what: "no file before", before: null, after: mirrors, action: "reload", ships: true },
  ])("asks for $action: $what", ({ before, after, action, ships }) => {
    const files = {
      "daemon.json": after,
      ...(before === null ? {} : { "daemon.json.before": before }),
    };
    const { status, output, read } = plan(files);
    expect(status, output).toBe(0);
    expect(read("action")).toBe(`${action}\n`);
    expect(read("daemon.json")).toBe(ships ? after : null);
  });

  const kept = '{"live-restore": true}';

  it.each([
    ["a reload", kept, '{"live-restore": true, "debug": true}', ""],
    ["a restart with live-restore", kept, '{"live-restore": true, "log-driver": "local"}', ""],
    ["live-restore taken out", kept, '{"log-driver": "local"}', '"live-restore": true'],
    [
      "live-restore set to false",
      kept,
      '{"live-restore": false, "log-driver": "local"}',
      '"live-restore": true',
    ],
    ["live-restore never set", "{}", '{"log-driver": "local"}', '"live-restore": true'],
    ["a broken file before", "{", kept, "cannot be read"],
    ...["data-root", "bip", "exec-root", "userns-remap", "storage-driver"].map((key) => [
      `${key} changed`,
      kept,
      `{"live-restore": true, "${key}": "x"}`,
      `does not hold over a change of ${key}`,
    ]),
  ])("says whether containers would end: %s", (...[, before = "", after = "", why = ""]) => {
    const { read } = plan({ "daemon.json": after, "daemon.json.before": before });
    const ends = read("ends");
    if (why === "") expect(ends).toBe("");
    else expect(ends).toContain(why);
  });

  it("lists the mirrors as docker info will", () => {
    const daemon = '{"registry-mirrors": ["https://a.example", "https://b.example/t/x/"]}';
    expect(plan({ "daemon.json": daemon }).read("mirrors")).toBe(
      "https://a.example/\nhttps://b.example/t/x/\n",
    );
  });
});

describe("the plan for a config.toml", () => {
  const rest = 'url = "https://gitlab.example.com"\nexecutor = "docker"\n';
  const runner = `[[runners]]\ntoken = "@RUNNER_TOKEN@"\n${rest}`;
  const plain = `[[runners]]\ntoken = "glrt-x"\n${rest}`;

  it("puts the variable in, and sees that the host has it already", () => {
    const filled = runner.replace("@RUNNER_TOKEN@", "glrt-secret");
    const env = { RUNNER_TOKEN: "glrt-secret" };
    const changed = plan({ "config.toml": runner }, env);
    expect(changed.read("config.toml")).toBe(filled);
    expect(changed.output).toBe("config.toml: changes\n");
    const same = plan({ "config.toml": runner, "config.toml.before": filled }, env);
    expect(same.read("config.toml")).toBeNull();
    expect(same.output).toBe("");
  });

  it("takes what GitLab's documentation shows", () => {
    const text = `concurrent = 4
check_interval = 0
shutdown_timeout = 30
log_level = "warning"
[session_server]
  session_timeout = 1800
[[runners]]
  name = "one"
  url = "https://gitlab.example.com"
  token = "glrt-x"
  executor = "docker"
  limit = 2
  environment = ["A=b"]
  [runners.docker]
    image = "alpine:3"
    privileged = false
    volumes = ["/cache"]
    pull_policy = ["always", "if-not-present"]
    [[runners.docker.services]]
      name = "docker:dind"
`;
    const { status, output } = plan({ "config.toml": text });
    expect({ status, output }).toEqual({ status: 0, output: "config.toml: changes\n" });
  });

  it.each([
    ["no TOML", "[[runners]\n", {}, "config.toml is no TOML, line"],
    ["without runners", 'name = "x"\n', {}, "has no [[runners]]"],
    ["without its variable", runner, {}, "RUNNER_TOKEN, which is not set"],
    ["with a text for a number", `concurrent = "4"\n${plain}`, {}, "concurrent must be a whole"],
    [
      "with no job at a time",
      `concurrent = 0\n${plain}`,
      {},
      "concurrent must be a whole number, 1",
    ],
    ["with a number for a text", `${plain}name = 1\n`, {}, "[[runners]] 1: name must be a text"],
    ["with a text for a list", `${plain}environment = "A=b"\n`, {}, "must be a list of texts"],
    ["without an address", plain.replace(/^url.*\n/m, ""), {}, "[[runners]] 1: url is missing"],
    [
      "whose second runner has no executor",
      `${plain}${plain.replace(/^executor.*\n/m, "")}`,
      {},
      "[[runners]] 2: executor is missing",
    ],
    [
      "with a text for a flag",
      `${plain}[runners.docker]\nprivileged = "true"\n`,
      {},
      "[[runners]] 1: docker.privileged must be true or false",
    ],
    ["broken by its variable", runner, { RUNNER_TOKEN: '"' }, "what cannot stand in config.toml"],
  ] as const)("refuses one that is %s", (...[, text, env, why]) => {
    const { status, output } = plan({ "config.toml": text }, env);
    expect(status).toBe(2);
    expect(output).toContain(why);
  });
});
