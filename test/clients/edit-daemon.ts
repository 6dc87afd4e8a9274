import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Whether this machine can run a Docker daemon of its own. */
export const CAN_RUN_DOCKERD: boolean =
  process.getuid?.() === 0 &&
  ["dockerd", "docker", "containerd", "runc"].every((name) => locate(name) !== null);

/** A daemon is there in 2 s; on a machine that is busy with other daemons it was seen to take a minute. */
const START_MS = 120_000;

/** Where a daemon keeps everything that is its own. */
export interface Daemon {
  readonly socket: string;
  /** Ends it by its process and removes what it left. */
  stop(): Promise<void>;
}

/** What came of starting a daemon. */
export type Started = { readonly daemon: Daemon } | { readonly refusal: string };

function locate(name: string): string | null {
  const { stdout } = spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" });
  return stdout.trim() === "" ? null : stdout.trim();
}

/** Starts dockerd with a configuration, in a root of its own, and waits until it answers or gives up. */
export async function startDockerd(config: string): Promise<Started> {
  const root = mkdtempSync(join(tmpdir(), "dockerd-"));
  const file = join(root, "daemon.json");
  writeFileSync(file, config);
  const socket = join(root, "docker.sock");
  const own: readonly (readonly [string, string])[] = [
    ["data-root", join(root, "data")],
    ["exec-root", join(root, "exec")],
    ["pidfile", join(root, "pid")],
    // An address for the bridge and no bridge at all exclude each other.
    ...("bip" in (JSON.parse(config) as object) ? [] : [["bridge", "none"] as const]),
    ["iptables", "false"],
    ["hosts", `unix://${socket}`],
  ];
  // A key of the file must not stand among the flags as well: that alone keeps dockerd from starting.
  const keys = new Set(Object.keys(JSON.parse(config) as object));
  const flags = own
    .filter(([key]) => !keys.has(key))
    .map(([key, value]) => `--${key === "hosts" ? "host" : key}=${value}`);
  const child = spawn("dockerd", [`--config-file=${file}`, ...flags], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const daemon = { socket, stop: () => stop(child, root) };
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    if (existsSync(socket) && docker(daemon, ["version"]).status === 0) return { daemon };
    await sleep(100);
  }
  await daemon.stop();
  return { refusal: log.trim().split("\n").at(-1) ?? "no answer in time" };
}

async function stop(child: ChildProcess, root: string): Promise<void> {
  if (child.exitCode === null) {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await Promise.race([gone, sleep(10_000)]);
    if (child.exitCode === null) child.kill("SIGKILL");
  }
  // A dockerd that gave up leaves its data root mounted upon itself.
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.filter((path) => path.startsWith(`${root}/`)).toReversed()) {
    spawnSync("umount", ["--lazy", mount]);
  }
  rmSync(root, { recursive: true, force: true });
}

/** Runs Docker's client against a daemon. */
export function docker(
  { socket }: Daemon,
  args: readonly string[],
): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("docker", ["-H", `unix://${socket}`, ...args], {
    encoding: "utf8",
    timeout: 20_000,
  });
  return { status, output: `${stdout}${stderr}` };
}

/** What the image's entrypoint does: a command that is flags alone goes to dockerd. */
const ENTRYPOINT = `#!/bin/sh
if [ $# -eq 0 ] || [ "\${1#-}" != "$1" ]; then
  set -- dockerd --host=unix:///var/run/docker.sock "$@"
fi
if [ "$(basename "$1")" = dockerd-entrypoint.sh ]; then exec "$@"; fi
exec "$@" --iptables=false --bridge=none --storage-driver=vfs
`;

/** Makes a dind image from this machine's own Docker, and loads it into a daemon. */
export function loadDindImage(daemon: Daemon): void {
  const root = mkdtempSync(join(tmpdir(), "dind-"));
  const tools = ["sh", "env", "basename", "mount", "ls"];
  const programs = [
    "dockerd",
    "docker",
    "containerd",
    "containerd-shim-runc-v2",
    "runc",
    "iptables",
    "busybox",
  ];
  for (const folder of [
    "bin",
    "usr/bin",
    "usr/sbin",
    "etc",
    "tmp",
    "var/run",
    "var/lib",
    "run",
    "proc",
    "sys",
    "dev",
  ]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  for (const name of programs) {
    const path = locate(name);
    if (path !== null) copyProgram(root, { name, path });
  }
  for (const tool of tools) symlinkSync("/usr/bin/busybox", join(root, "bin", tool));
  const entrypoint = join(root, "usr/bin/dockerd-entrypoint.sh");
  writeFileSync(entrypoint, ENTRYPOINT);
  chmodSync(entrypoint, 0o755);
  const pack = `tar -C ${root} -c . | docker -H unix://${daemon.socket} import --change 'ENTRYPOINT ["dockerd-entrypoint.sh"]' --change 'ENV PATH=/usr/sbin:/usr/bin:/bin' - dind:test`;
  const { status, stderr } = spawnSync("sh", ["-c", pack], { encoding: "utf8" });
  rmSync(root, { recursive: true, force: true });
  if (status !== 0) throw new Error(`the dind image could not be loaded: ${stderr}`);
}

function copyProgram(
  root: string,
  { name, path }: { readonly name: string; readonly path: string },
): void {
  const real = realpathSync(path);
  cpSync(real, join(root, "usr/bin", name));
  const { stdout } = spawnSync("ldd", [real], { encoding: "utf8" });
  for (const library of stdout.match(/\/\S+/g) ?? []) {
    if (basename(library).endsWith(":")) continue;
    mkdirSync(join(root, dirname(library)), { recursive: true });
    cpSync(realpathSync(library), join(root, library));
  }
}

/** A dind service as a runner starts it. */
export interface DindService {
  readonly entrypoint: readonly string[] | null;
  readonly command: readonly string[];
}

const RIGHTS = [
  "--network=none",
  "--cap-add=SYS_ADMIN",
  "--cap-add=NET_ADMIN",
  "--security-opt=seccomp=unconfined",
  "--security-opt=apparmor=unconfined",
  "--security-opt=systempaths=unconfined",
] as const;

/** Runs a dind service, and returns the mirrors that its daemon says it has; its log where it does not start. */
export async function readDindMirrors(
  outer: Daemon,
  { entrypoint, command }: DindService,
): Promise<string> {
  const [program, ...rest] = entrypoint ?? [];
  const own = program === undefined ? [] : [`--entrypoint=${program}`];
  const run = docker(outer, [
    "run",
    "--detach",
    ...RIGHTS,
    ...own,
    "dind:test",
    ...rest,
    ...command,
  ]);
  const id = run.output.trim().split("\n").at(-1) ?? "";
  const inner = [
    "exec",
    id,
    "docker",
    "-H",
    "unix:///var/run/docker.sock",
    "info",
    "--format",
    "{{json .RegistryConfig.Mirrors}}",
  ];
  let output = run.output;
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline && run.status === 0) {
    const info = docker(outer, inner);
    output = info.output.trim();
    if (info.status === 0 && output.startsWith("[")) break;
    if (
      docker(outer, ["inspect", "--format", "{{.State.Running}}", id]).output.trim() === "false"
    ) {
      output = docker(outer, ["logs", "--tail=3", id]).output;
      break;
    }
    await sleep(200);
  }
  docker(outer, ["rm", "--force", "--volumes", id]);
  return output;
}
