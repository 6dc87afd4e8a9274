import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "../../worker/local/port.ts";

const run = promisify(execFile);

const DOCKER = "/usr/bin/docker";
const PROGRAMS = [DOCKER, "/usr/sbin/dockerd", "/usr/bin/docker-registry", "/usr/bin/buildah"];

/** Whether Debian's dockerd, docker-registry and buildah are here, and root may start them. */
export const hasDaemons: boolean = PROGRAMS.every(existsSync) && process.getuid?.() === 0;

/** Something that was started and can be ended. */
export interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

/** Waits for something to come true, at most 30 s. */
export async function until(what: string, isThere: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 150; tries += 1) {
    if (await isThere().catch(() => false)) return;
    await delay(200);
  }
  throw new Error(`${what} did not come up in 30 s`);
}

/** Ends a program and waits until it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => {
    child.once("exit", resolve);
  });
  child.kill("SIGTERM");
  await gone;
}

/** Starts Debian's docker-registry; with an upstream it is a pull-through proxy, as the plainest of mirrors is. */
export async function startRegistry(folder: string, upstream?: string): Promise<Running> {
  await mkdir(folder, { recursive: true });
  const port = await freePort("127.0.0.1");
  const url = `http://127.0.0.1:${port}`;
  const config = [
    "version: 0.1",
    "log: {level: error, accesslog: {disabled: true}}",
    `storage: {filesystem: {rootdirectory: ${join(folder, "data")}}}`,
    `http: {addr: "127.0.0.1:${port}"}`,
    ...(upstream === undefined ? [] : [`proxy: {remoteurl: "${upstream}"}`]),
  ];
  await writeFile(join(folder, "config.yml"), `${config.join("\n")}\n`);
  const child = spawn("/usr/bin/docker-registry", ["serve", join(folder, "config.yml")], {
    stdio: "ignore",
  });
  await until("docker-registry", async () => (await fetch(`${url}/v2/`)).ok);
  return { url, stop: () => end(child) };
}

/** A dockerd of its own, which asks these mirrors for Docker Hub's images. */
export interface Daemon extends Running {
  /** Runs docker, and gives what it printed, as a job's log has it. */
  readonly docker: (...args: readonly string[]) => Promise<string>;
}

/**
 * Starts dockerd with exactly these flags beside those that keep it apart from any other.
 *
 * @param environment - what it has beside this process's own
 */
export async function startDockerd(
  folder: string,
  flags: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Daemon> {
  await mkdir(folder, { recursive: true });
  const socket = `unix://${join(folder, "docker.sock")}`;
  const child = spawn(
    "/usr/sbin/dockerd",
    [
      `--data-root=${join(folder, "data")}`,
      `--exec-root=${join(folder, "exec")}`,
      `--host=${socket}`,
      `--pidfile=${join(folder, "pid")}`,
      "--bridge=none",
      "--iptables=false",
      ...flags,
    ],
    { stdio: "ignore", env: { ...process.env, ...environment } },
  );
  const env = { ...process.env, DOCKER_HOST: socket, DOCKER_CONFIG: folder };
  const docker = async (...args: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await run(DOCKER, [...args], { env });
    return `${stdout}${stderr}`;
  };
  await until("dockerd", async () => (await docker("version")) !== "");
  return { url: socket, docker, stop: () => end(child) };
}

/** Builds an image of one file and pushes it. */
export async function pushImage(folder: string, registry: Running, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const storage = [
    "--root",
    join(folder, "root"),
    "--runroot",
    join(folder, "run"),
    "--storage-driver",
    "vfs",
  ];
  const env = { ...process.env, BUILDAH_ISOLATION: "chroot" };
  const buildah = async (...args: string[]): Promise<string> =>
    (await run("/usr/bin/buildah", [...storage, ...args], { env })).stdout.trim();
  await writeFile(join(folder, "hello"), `${name}\n`);
  const container = await buildah("from", "scratch");
  await buildah("copy", container, join(folder, "hello"), "/hello");
  await buildah("commit", "--quiet", container, `localhost/${name}`);
  const target = `docker://${registry.url.replace("http://", "")}/${name}`;
  await buildah("push", "--quiet", "--tls-verify=false", `localhost/${name}`, target);
}

/** Removes a folder in which daemons have left mounts behind. */
export async function removeMounted(path: string): Promise<void> {
  const mounts = await readFile("/proc/mounts", "utf8");
  const below = mounts
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((at) => at.startsWith(`${path}/`));
  for (const at of below.toReversed()) await run("umount", ["--lazy", at]);
  await rm(path, { recursive: true, force: true });
}
