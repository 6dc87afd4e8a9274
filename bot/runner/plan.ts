/**
 * Says what a new daemon.json and config.toml ask of a runner's host: `node plan.ts FOLDER`, run by templates/runner.
 *
 * FOLDER holds `daemon.json` and `config.toml` as they should be and, with `.before` behind the name, as they are; any may
 * be missing. Files that are as they should be are taken away, secrets are put in, and `action`, `mirrors` and `ends`
 * (why a restart would end containers; empty where it would not) are written beside what is left. Exit code 2 where a file is refused; nothing that is printed holds a secret.
 *
 * @module
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findRunnerProblem } from "./runner-config.ts";

/**
 * What dockerd takes over at SIGHUP. A key that is gone is not taken over: its old value stays until a restart.
 *
 * @see moby, daemon/reload.go, "Reload"
 */
const RELOADED: ReadonlySet<string> = new Set([
  "debug",
  "default-runtime",
  "insecure-registries",
  "labels",
  "live-restore",
  "max-concurrent-downloads",
  "max-concurrent-uploads",
  "max-download-attempts",
  "registry-mirrors",
  "runtimes",
  "shutdown-timeout",
]);

/**
 * With another value of these a new daemon does not find what the old one left running, live-restore or not.
 *
 * @see Docker's documentation, "Live restore", "Live restore upon restart"; `features` chooses the image store
 */
const NOT_RESTORED: ReadonlySet<string> = new Set([
  "bip",
  "bridge",
  "containerd",
  "containerd-namespace",
  "data-root",
  "default-address-pools",
  "exec-opts",
  "exec-root",
  "features",
  "fixed-cidr",
  "graph",
  "storage-driver",
  "storage-opts",
  "userns-remap",
]);

/** A file that must not be put in place; the message is for the job's log. */
class Refusal extends Error {
  override readonly name = "Refusal";
}

type Daemon = Readonly<Record<string, unknown>>;

function plan(folder: string): void {
  const daemon = read(join(folder, "daemon.json"));
  if (daemon !== null) {
    const after = parseDaemon(daemon, "daemon.json");
    const before = read(join(folder, "daemon.json.before"));
    if (before === daemon) rmSync(join(folder, "daemon.json"));
    const { action, keys, ends } = compare(before, after);
    if (before !== daemon) say(`daemon.json: ${action}${keys === "" ? "" : ` for ${keys}`}`);
    writeFileSync(join(folder, "action"), `${action}\n`);
    writeFileSync(join(folder, "ends"), ends === "" ? "" : `${ends}\n`);
    writeFileSync(join(folder, "mirrors"), listMirrors(after));
  }
  const runner = read(join(folder, "config.toml"));
  if (runner === null) return;
  const filled = fillIn(runner);
  const problem = findRunnerProblem(filled);
  if (problem !== null) throw new Refusal(problem);
  if (filled === read(join(folder, "config.toml.before"))) rmSync(join(folder, "config.toml"));
  else {
    writeFileSync(join(folder, "config.toml"), filled, { mode: 0o600 });
    say("config.toml: changes");
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function parseDaemon(text: string, name: string): Daemon {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Daemon;
  } catch (error) {
    throw new Refusal(`${name} is no JSON: ${error instanceof Error ? error.message : ""}`);
  }
  throw new Refusal(`${name} must be a JSON object`);
}

interface Change {
  readonly action: "none" | "reload" | "restart";
  /** The keys that ask for it. */
  readonly keys: string;
  /** Why a restart with this file would end containers that run; empty where it would not, or none is needed. */
  readonly ends: string;
}

/** What has to happen for the file to be in force. */
function compare(before: string | null, after: Daemon): Change {
  let old: Daemon = {};
  try {
    old = before === null ? {} : parseDaemon(before, "the host's daemon.json");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // What is there could not have been loaded at all: only a restart makes sure that this one is.
    const ends = "what the daemon runs with cannot be read from its broken file";
    return { action: "restart", keys: "a file that was broken", ends };
  }
  const all = [...new Set([...Object.keys(old), ...Object.keys(after)])];
  const changed = all.filter((key) => JSON.stringify(old[key]) !== JSON.stringify(after[key]));
  const heavy = changed.filter((key) => !RELOADED.has(key) || after[key] === undefined);
  if (heavy.length > 0)
    return { action: "restart", keys: heavy.join(", "), ends: whyItEnds(changed, after) };
  if (changed.length > 0) return { action: "reload", keys: changed.join(", "), ends: "" };
  return { action: "none", keys: "", ends: "" };
}

/** The daemon that comes up reads the new file: what the old one had set is of no use to the containers. */
function whyItEnds(changed: readonly string[], after: Daemon): string {
  if (after["live-restore"] !== true)
    return 'the new daemon.json does not say "live-restore": true';
  const lost = changed.filter((key) => NOT_RESTORED.has(key));
  return lost.length === 0 ? "" : `live-restore does not hold over a change of ${lost.join(", ")}`;
}

/** As `docker info` lists them. @see moby, registry/config.go, "ValidateMirror" */
function listMirrors(daemon: Daemon): string {
  const mirrors = daemon["registry-mirrors"] ?? [];
  if (!Array.isArray(mirrors)) throw new Refusal("daemon.json: registry-mirrors must be a list");
  return mirrors.map((mirror) => `${String(mirror).replace(/\/$/, "")}/\n`).join("");
}

/** `@RUNNER_TOKEN@` becomes the variable's value: secrets do not lie in the repository. */
function fillIn(text: string): string {
  return text.replaceAll(/@(RUNNER_[A-Z0-9_]+)@/g, (_, name: string) => {
    const value = process.env[name] ?? "";
    if (value === "") throw new Refusal(`config.toml wants the variable ${name}, which is not set`);
    if (!/^[\w.:/@+=-]+$/.test(value))
      throw new Refusal(`the variable ${name} holds what cannot stand in config.toml`);
    return value;
  });
}

try {
  plan(process.argv[2] ?? ".");
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`plan: ${error.message}\n`);
  process.exitCode = 2;
}
