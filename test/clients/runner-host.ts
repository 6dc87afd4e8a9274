import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "../../worker/local/port.ts";
import { until } from "./daemons.ts";

const run = promisify(execFile);
const SSHD = "/usr/sbin/sshd";
const SHIP = fileURLToPath(new URL("../../templates/runner/ship.sh", import.meta.url));

/** Whether Debian's sshd and dockerd are here, and root may start them. */
export const hasHost: boolean =
  [SSHD, "/usr/bin/ssh", "/usr/sbin/dockerd", "/usr/bin/docker"].every(existsSync) &&
  process.getuid?.() === 0;

/** How a run of the template's script ended, and all it printed. */
interface Shipped {
  readonly code: number;
  readonly output: string;
}

/** A runner's host: a real sshd, a real dockerd under a stand-in for systemd, and the repository that keeps its files. */
export interface RunnerHost {
  readonly address: string;
  readonly folder: string;
  readonly daemonJson: string;
  readonly configToml: string;
  /** Writes a file of the repository. */
  write(name: string, text: string): Promise<void>;
  ship(env?: Readonly<Record<string, string>>): Promise<Shipped>;
  /** Ships, and is gone with every process over here as soon as the host's systemctl is called so. */
  shipAndVanish(call: string): Promise<void>;
  /** Runs docker against the host's daemon. */
  docker(...args: readonly string[]): Promise<string>;
  /** What systemctl was called with so far, without the questions whether something runs. */
  calls(): Promise<string[]>;
  dockerLog(): Promise<string>;
  stop(): Promise<void>;
}

/**
 * `systemctl` as docker.service of Debian has it: reload is SIGHUP to the main process (ExecReload), restart ends it and
 * starts it anew, and fails where it does not stay up. GitLab Runner is a unit that is active but with a config.toml that
 * says "ends".
 */
function systemctl(folder: string): string {
  return `#!/bin/sh
unit=$2
[ "$1" != is-active ] || { unit=$3; if [ "$unit" = gitlab-runner ]; then ! grep -qs ends ${folder}/etc/config.toml; exit; fi; kill -0 "$(cat ${folder}/pid)"; exit; }
echo "$*" >>${folder}/calls
start() {
  setsid /usr/sbin/dockerd --config-file=${folder}/daemon.json --data-root=${folder}/data --exec-root=${folder}/exec \\
    --host=unix://${folder}/docker.sock --pidfile=${folder}/pid --bridge=none --iptables=false \\
    >>${folder}/dockerd.log 2>&1 </dev/null 9>&- &
  for _ in $(seq 100); do
    docker version >/dev/null 2>&1 && exit 0
    kill -0 $! 2>/dev/null || exit 1
    sleep 0.2
  done
  exit 1
}
end() {
  [ -e ${folder}/pid ] || return 0
  pid=$(cat ${folder}/pid)
  kill "$pid" 2>/dev/null
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
case "$1 $unit" in
  "reload docker") kill -HUP "$(cat ${folder}/pid)" ;;
  "restart docker") end; start ;;
  "stop docker") end ;;
  "reset-failed docker" | "restart gitlab-runner") ;;
  *) echo "systemctl: $*?" >&2; exit 5 ;;
esac
`;
}

/** Starts sshd and dockerd in a folder of their own, with a daemon.json that names one mirror. */
export async function startHost(folder: string): Promise<RunnerHost> {
  const bin = join(folder, "bin");
  const repository = join(folder, "repository");
  for (const path of [bin, repository, join(folder, "etc")]) await mkdir(path, { recursive: true });
  await mkdir("/run/sshd", { recursive: true });
  const daemonJson = join(folder, "daemon.json");
  const configToml = join(folder, "etc/config.toml");
  await writeFile(join(bin, "systemctl"), systemctl(folder));
  await chmod(join(bin, "systemctl"), 0o755);
  await writeFile(daemonJson, '{"registry-mirrors": ["http://127.0.0.1:1"]}\n');
  const path = `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`;
  const env = { PATH: path, DOCKER_HOST: `unix://${folder}/docker.sock`, HOME: folder };
  const { child, address } = await startSshd(folder, env);
  await run(join(bin, "systemctl"), ["restart", "docker"], { env });
  await writeFile(join(folder, "calls"), "");
  const shipping = {
    // The node that runs this test: the machine's own may be older.
    PATH: `${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}`,
    RUNNER_HOSTS: address,
    RUNNER_FILES: repository,
    RUNNER_DAEMON_JSON: daemonJson,
    RUNNER_CONFIG_TOML: configToml,
    SSH_PRIVATE_KEY: join(folder, "user_key"),
    SSH_KNOWN_HOSTS: join(folder, "known_hosts"),
  };
  const calls = async (): Promise<string[]> =>
    (await readFile(join(folder, "calls"), "utf8")).split("\n").filter(Boolean);
  return {
    address,
    folder,
    daemonJson,
    configToml,
    write: (name, text) => writeFile(join(repository, name), text),
    ship: (more = {}) => ship({ ...shipping, ...more }),
    shipAndVanish: async (call) => {
      const shipper = spawn("sh", [SHIP], { env: shipping, stdio: "ignore", detached: true });
      await until(call, async () => (await calls()).includes(call));
      if (shipper.pid !== undefined) process.kill(-shipper.pid, "SIGKILL");
    },
    docker: async (...args) => (await run("docker", [...args], { env })).stdout,
    calls,
    dockerLog: () => readFile(join(folder, "dockerd.log"), "utf8"),
    stop: async () => {
      child.kill("SIGTERM");
      await run(join(bin, "systemctl"), ["stop", "docker"], { env });
      // With live-restore dockerd leaves its mounts to the next one.
      await run("umount", ["--recursive", join(folder, "data")]).catch(() => undefined);
    },
  };
}

function ship(env: Readonly<Record<string, string>>): Promise<Shipped> {
  return new Promise((resolve) => {
    execFile("sh", [SHIP], { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? 1);
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

async function startSshd(
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<{ child: ChildProcess; address: string }> {
  for (const name of ["host_key", "user_key"])
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  const port = await freePort("127.0.0.1");
  const variables = Object.entries({
    ...env,
    TIDEPOOL_PATIENCE_SECONDS: "15",
    // Each host of the tests has its own, as if it were another machine.
    TIDEPOOL_LOCK: join(folder, "lock"),
  });
  const config = [
    `HostKey ${join(folder, "host_key")}`,
    `ListenAddress 127.0.0.1:${port}`,
    `AuthorizedKeysFile ${join(folder, "user_key.pub")}`,
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "StrictModes no",
    "UsePAM no",
    "PidFile none",
    `SetEnv ${variables.map(([name, value]) => `${name}="${value}"`).join(" ")}`,
  ];
  await writeFile(join(folder, "sshd_config"), `${config.join("\n")}\n`);
  const hostKey = await readFile(join(folder, "host_key.pub"), "utf8");
  await writeFile(join(folder, "known_hosts"), `[127.0.0.1]:${port} ${hostKey}`);
  const child = spawn(SSHD, ["-D", "-e", "-f", join(folder, "sshd_config")], { stdio: "ignore" });
  await until("sshd", () => takesConnections(port));
  return { child, address: `root@127.0.0.1:${port}` };
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
