import { execFile, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { vi } from "vitest";

const run = promisify(execFile);

/** A containerd of its own, which asks one mirror for Docker Hub's images. */
export interface Containerd {
  /** Runs ctr, and gives what it printed. */
  readonly ctr: (...args: readonly string[]) => Promise<string>;
  /** Pulls an image by its full name. */
  readonly pull: (name: string) => Promise<string>;
  stop(): Promise<void>;
}

/** Starts containerd with `hosts.toml` for docker.io as it is given. */
export async function startContainerd(root: string, hostsToml: string): Promise<Containerd> {
  const hosts = join(root, "certs.d/docker.io");
  await mkdir(hosts, { recursive: true });
  await writeFile(join(hosts, "hosts.toml"), hostsToml);
  const socket = join(root, "containerd.sock");
  const config = [
    "version = 2",
    `root = "${join(root, "root")}"`,
    `state = "${join(root, "state")}"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    "[grpc]",
    `  address = "${socket}"`,
    "[ttrpc]",
    `  address = "${socket}.ttrpc"`,
    "",
  ];
  await writeFile(join(root, "config.toml"), config.join("\n"));
  const daemon = spawn("containerd", ["--config", join(root, "config.toml")], { stdio: "ignore" });
  const ctr = async (...args: readonly string[]): Promise<string> =>
    (await run("ctr", ["-a", socket, ...args])).stdout;
  await vi.waitFor(() => ctr("version"), { timeout: 30_000, interval: 200 });
  const how = ["--snapshotter=native", "--hosts-dir", join(root, "certs.d")];
  return {
    ctr,
    pull: (name) => ctr("images", "pull", ...how, name),
    async stop() {
      const gone = new Promise((resolve) => daemon.once("exit", resolve));
      daemon.kill("SIGTERM");
      await gone;
    },
  };
}
