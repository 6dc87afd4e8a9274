import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { getStaticTOMLValue, parseTOML } from "toml-eslint-parser";
import { parse } from "yaml";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import type { Image } from "../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import { startContainerd } from "./containerd.ts";
import { type Daemon, hasDaemons, removeMounted, startDockerd } from "./daemons.ts";
import { loadDindImage } from "./edit-daemon.ts";
import { BUSYBOX, buildImage } from "./images.ts";

const run = promisify(execFile);
const MIB = 1024 * 1024;

const hasAll = hasDaemons && existsSync(BUSYBOX);

/** The part of a `.gitlab-ci.yml` that the mirror gives for dind. */
interface DindSetup {
  readonly services: readonly { readonly command: readonly string[] }[];
}

function readDindCommand(text: string): readonly string[] {
  return (parse(text) as DindSetup).services[0]?.command ?? [];
}

/** The part of a runner's `config.toml`, where it is put: after a runner's own section. */
interface RunnerSetup {
  readonly runners: readonly { readonly docker: DindSetup }[];
}

function readRunnerCommand(text: string): readonly string[] {
  const whole = `[[runners]]\n  [runners.docker]\n    image = "docker"\n${text}`;
  const { runners } = getStaticTOMLValue(parseTOML(whole)) as unknown as RunnerSetup;
  return runners[0]?.docker.services[0]?.command ?? [];
}

/**
 * Every client pulls the same image; the stand-in's log is the witness that each came through the mirror.
 *
 * Not run, for want of their programs: BuildKit's own daemon, kaniko, CRI-O, and GitLab Runner itself, whose text is tried
 * by the dind that it would start. `setup-texts.test.ts` holds their texts to their grammar.
 */
describe.skipIf(!hasAll)("through the mirror (skipped where Debian's clients are missing)", () => {
  let hub: FakeHub;
  let mirror: TestMirror;
  let image: Image;
  let folder: string;

  beforeAll(async () => {
    hub = await startFakeHub();
    image = await buildImage(25 * MIB);
    hub.push("library/tide", "1", image);
    mirror = await startTestMirror({ UPSTREAM: hub.url });
    folder = await mkdtemp(join(tmpdir(), "tidepool-clients-"));
  });
  afterAll(async () => {
    await mirror.stop();
    await hub.close();
    await removeMounted(folder);
  });
  beforeEach(() => hub.forget());

  /** Only the mirror has spoken to Docker Hub, and it fetched nothing that it had. */
  function expectServedFromCache(): void {
    for (const { headers } of hub.log) expect(headers["user-agent"]).toMatch(/^tidepool\//);
    expect(hub.pulls()).toBe(0);
    expect(hub.requests("cdn")).toEqual([]);
  }

  /** What the mirror tells a client's owner to paste, used as it is. */
  async function setupText(client: string): Promise<string> {
    return await (await mirror.fetch(`/setup?client=${client}`)).text();
  }

  async function withDockerd(name: string, use: (daemon: Daemon) => Promise<void>): Promise<void> {
    const config = join(folder, `${name}.json`);
    await writeFile(config, await setupText("dockerd"));
    const daemon = await startDockerd(join(folder, name), [`--config-file=${config}`]);
    try {
      await use(daemon);
    } finally {
      await daemon.stop();
    }
  }

  test("dockerd pulls a cold image and runs a container from it, for one counted pull", async () => {
    await withDockerd("cold", async ({ docker }) => {
      const output = await docker("pull", "tide:1");
      expect(output).toContain(`Digest: ${image.manifest.content.digest}`);
      expect(await docker("run", "--rm", "--network=none", "tide:1")).toContain(
        "served by the tide",
      );
    });
    for (const { headers } of hub.log) expect(headers["user-agent"]).toMatch(/^tidepool\//);
    expect(hub.pulls()).toBe(1);
    for (const { digest, size } of image.blobs) expect(hub.bytesSent.get(digest)).toBe(size);
  });

  test("another dockerd pulls it warm, and runs a container from it", async () => {
    await withDockerd("warm", async ({ docker }) => {
      await docker("pull", "docker.io/library/tide:1");
      expect(await docker("run", "--rm", "--network=none", "tide:1")).toContain(
        "served by the tide",
      );
    });
    expectServedFromCache();
  });

  test.each([
    ["dind", readDindCommand],
    ["gitlab-runner", readRunnerCommand],
  ])("a dind whose command is the one of the %s text pulls it", async (client, readCommand) => {
    await withDockerd(`host-${client}`, async (host) => {
      loadDindImage({ socket: host.url.replace("unix://", ""), stop: () => host.stop() });
      // What GitLab Runner gives a privileged service, as far as this machine has it.
      const rights = ["--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN"];
      const unconfined = ["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"];
      const options = unconfined.map((option) => `--security-opt=${option}`);
      const command = readCommand(await setupText(client));
      expect(command).toEqual([`--registry-mirror=${mirror.url.origin}`]);
      const given = [...rights, ...options, "dind:test", ...command];
      await host.docker("run", "-d", "--name=dind", "--network=host", ...given);
      const inside = (...args: string[]) => host.docker("exec", "dind", "docker", ...args);
      await vi.waitFor(() => inside("version"), { timeout: 60_000, interval: 500 });
      expect(await inside("pull", "tide:1")).toContain(`Digest: ${image.manifest.content.digest}`);
      await host.docker("rm", "-f", "dind");
    });
    expectServedFromCache();
  });

  test.skipIf(!existsSync("/usr/bin/skopeo"))("skopeo copies it", async () => {
    const target = join(folder, "skopeo");
    const source = `docker://${mirror.url.host}/library/tide:1`;
    await run("skopeo", ["copy", "-q", "--src-tls-verify=false", source, `dir:${target}`]);
    const files = await readdir(target);
    for (const { digest } of image.blobs) expect(files).toContain(digest.replace("sha256:", ""));
    expectServedFromCache();
  });

  test.skipIf(!existsSync("/usr/bin/skopeo"))(
    "skopeo copies it from Docker Hub's name, by the text for Podman",
    async () => {
      const config = join(folder, "skopeo.conf");
      await writeFile(config, await setupText("podman"));
      const target = join(folder, "skopeo-named");
      const source = "docker://docker.io/library/tide:1";
      // Podman and Buildah read CONTAINERS_REGISTRIES_CONF; skopeo has a flag for the file in place of its usual one.
      const flags = ["--registries-conf", config];
      await run("skopeo", [...flags, "copy", "-q", source, `dir:${target}`]);
      const files = await readdir(target);
      for (const { digest } of image.blobs) expect(files).toContain(digest.replace("sha256:", ""));
      expectServedFromCache();
    },
  );

  test.skipIf(!existsSync("/usr/bin/buildah"))("buildah pulls it", async () => {
    const config = join(folder, "buildah.conf");
    await writeFile(config, await setupText("podman"));
    const own = ["--root", join(folder, "buildah"), "--runroot", join(folder, "buildah-run")];
    const env = { ...process.env, CONTAINERS_REGISTRIES_CONF: config };
    const args = [...own, "--storage-driver", "vfs", "pull", "-q", "docker.io/library/tide:1"];
    const { stdout } = await run("buildah", args, { env });
    expect(stdout.trim()).toBe(image.blobs[0]?.digest.replace("sha256:", ""));
    expectServedFromCache();
  });

  test.skipIf(!existsSync("/usr/bin/podman"))("podman pulls it", async () => {
    const config = join(folder, "registries.conf");
    await writeFile(config, await setupText("podman"));
    const own = ["--root", join(folder, "podman"), "--runroot", join(folder, "podman-run")];
    const env = { ...process.env, CONTAINERS_REGISTRIES_CONF: config };
    const args = [...own, "--storage-driver", "vfs", "pull", "-q", "docker.io/library/tide:1"];
    const { stdout } = await run("podman", args, { env });
    expect(stdout.trim()).toBe(image.blobs[0]?.digest.replace("sha256:", ""));
    expectServedFromCache();
  });

  test.skipIf(!existsSync("/usr/bin/ctr"))(
    "containerd pulls it, naming Docker Hub in ns=",
    async () => {
      const hosts = await setupText("containerd");
      const containerd = await startContainerd(join(folder, "containerd"), hosts);
      try {
        await containerd.pull("docker.io/library/tide:1");
        expect(await containerd.ctr("images", "list")).toContain(image.manifest.content.digest);
      } finally {
        await containerd.stop();
      }
      expectServedFromCache();
    },
  );

  test("dockerd pulls a cached image while Docker Hub is away", async () => {
    hub.faults.registry = "503";
    try {
      await withDockerd("outage", async ({ docker }) => {
        expect(await docker("pull", "tide:1")).toContain("Downloaded newer image");
      });
    } finally {
      hub.faults.registry = null;
    }
  });

  test("dockerd goes on with a pull whose upstream is cut again and again", async () => {
    hub.push("library/broken", "1", await buildImage(20 * MIB));
    hub.faults.cut = { afterBytes: 400_000, times: 12 };
    await withDockerd("cut", async ({ docker }) => {
      expect(await docker("pull", "broken:1")).toContain("Downloaded newer image");
    });
    hub.faults.cut = null;
    expect(hub.pulls()).toBe(1);
  });
});
