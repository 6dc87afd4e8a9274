import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { images, read } from "../bot/trace/read.ts";
import { type Running, hasDaemons, pushImage, startDockerd, startRegistry } from "./daemons.ts";

const run = promisify(execFile);

const DOCKERFILE = "FROM alpine:3 AS base\nFROM node:22\nCOPY --from=base /hello /x\n";
const hasPodman = hasDaemons && existsSync("/usr/bin/podman");

/** What a reading comes to, without the digests, which differ from run to run. */
function told(log: string): string[] {
  return images(read(log))
    .map((line) => line.replace(/ [0-9a-f]{4}$/, ""))
    .toSorted();
}

describe.skipIf(!hasPodman)("the words of real clients (skipped without Debian's)", () => {
  let folder = "";
  let hub: Running;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-words-"));
    hub = await startRegistry(join(folder, "hub"));
    await pushImage(join(folder, "alpine"), hub, "library/alpine:3");
    await pushImage(join(folder, "node"), hub, "library/node:22");
    await mkdir(join(folder, "context"));
    await writeFile(join(folder, "context", "Dockerfile"), DOCKERFILE);
    const host = hub.url.replace("http://", "");
    const registries = `[[registry]]\nprefix="docker.io"\nlocation="docker.io"\n[[registry.mirror]]\nlocation="${host}"\ninsecure=true\n`;
    await writeFile(join(folder, "registries.conf"), registries);
  }, 120_000);

  afterAll(async () => {
    await hub.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("are read from docker build, with BuildKit, with the classic builder, and from the cache", async () => {
    const daemon = await startDockerd(join(folder, "daemon"), [`--registry-mirror=${hub.url}`]);
    const build = async (kit: string, ...flags: string[]): Promise<string[]> => {
      const env = { ...process.env, DOCKER_HOST: daemon.url, DOCKER_BUILDKIT: kit };
      const args = ["build", "--no-cache", ...flags, join(folder, "context")];
      const { stdout, stderr } = await run("/usr/bin/docker", args, { env });
      return told(`${stdout}${stderr}`);
    };
    try {
      expect(await build("1", "--progress=plain")).toEqual([
        "buildkit docker.io/library/alpine:3 downloaded",
        "buildkit docker.io/library/node:22 downloaded",
      ]);
      expect(await build("0")).toEqual([
        "docker docker.io/library/alpine:3 downloaded",
        "docker docker.io/library/node:22 downloaded",
      ]);
      expect(await build("0")).toEqual([
        "docker docker.io/library/alpine:3 local",
        "docker docker.io/library/node:22 local",
      ]);
      expect(await build("1", "--progress=plain")).toEqual([
        "buildkit docker.io/library/alpine:3 cached",
        "buildkit docker.io/library/node:22 cached",
      ]);
    } finally {
      await daemon.stop();
    }
  }, 120_000);

  it("are read from podman pull and buildah bud", async () => {
    const env = {
      ...process.env,
      BUILDAH_ISOLATION: "chroot",
      CONTAINERS_REGISTRIES_CONF: join(folder, "registries.conf"),
    };
    const storage = (name: string) => [
      `--root=${join(folder, name)}`,
      `--runroot=${join(folder, `${name}-run`)}`,
      "--storage-driver=vfs",
    ];
    const podman = [...storage("podman"), "pull", "docker.io/library/alpine:3"];
    const pulled = await run("/usr/bin/podman", podman, { env });
    expect(told(`${pulled.stdout}${pulled.stderr}`)).toEqual([
      "podman docker.io/library/alpine:3 downloaded",
    ]);
    const buildah = [...storage("buildah"), "bud", join(folder, "context")];
    const built = await run("/usr/bin/buildah", buildah, { env });
    expect(told(`${built.stdout}${built.stderr}`)).toEqual([
      "podman docker.io/library/alpine:3 downloaded",
      "podman docker.io/library/node:22 downloaded",
    ]);
  }, 120_000);
});
