import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import type { Content, Image } from "../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import { type BreakingProxy, startBreakingProxy } from "./breaking-proxy.ts";
import { startContainerd } from "./containerd.ts";
import { hasDaemons, removeMounted, startDockerd } from "./daemons.ts";
import { GO_CLIENTS } from "./go-clients.ts";
import { BUSYBOX, buildImage } from "./images.ts";
import { findWrongBlobs } from "./layout.ts";

const run = promisify(execFile);
const MIB = 1024 * 1024;
const BREAK_AFTER = 7 * MIB;

/** The connection to the mirror breaks in the middle of the large layer. */
describe.skipIf(!existsSync(BUSYBOX))("a client whose connection breaks", () => {
  let hub: FakeHub;
  let mirror: TestMirror;
  let proxy: BreakingProxy;
  let image: Image;
  let large: Content;
  let folder: string;

  beforeAll(async () => {
    hub = await startFakeHub();
    image = await buildImage(25 * MIB);
    large = image.blobs.toSorted((a, b) => b.size - a.size)[0] as Content;
    hub.push("library/tide", "1", image);
    mirror = await startTestMirror({ UPSTREAM: hub.url });
    proxy = await startBreakingProxy(mirror.url);
    folder = await mkdtemp(join(tmpdir(), "tidepool-resume-"));
  });
  afterAll(async () => {
    await proxy.close();
    await mirror.stop();
    await hub.close();
    await removeMounted(folder);
  });
  beforeEach(() => proxy.breakAfter(BREAK_AFTER, 2));

  /** It was broken twice, and each time went on from about there to the layer's end. */
  function expectResumed(): void {
    expect(proxy.breaks()).toBe(2);
    const firsts = proxy.ranges().map((range) => Number(/^bytes=(\d+)-/.exec(range)?.[1]));
    expect(firsts).toHaveLength(2);
    for (const [index, first] of firsts.entries()) {
      expect(first).toBeGreaterThan(index * BREAK_AFTER);
      expect(first).toBeLessThanOrEqual((index + 1) * BREAK_AFTER);
    }
    expect(hub.bytesSent.get(large.digest)).toBe(large.size);
  }

  async function setupText(client: string): Promise<string> {
    return await (await fetch(new URL(`/setup?client=${client}`, proxy.url))).text();
  }

  test.skipIf(!hasDaemons)("goes on by Range: dockerd", async () => {
    const daemon = await startDockerd(join(folder, "dockerd"), [
      `--registry-mirror=${proxy.url.origin}`,
    ]);
    try {
      const output = await daemon.docker("pull", "tide:1");
      expect(output).toContain(`Digest: ${image.manifest.content.digest}`);
    } finally {
      await daemon.stop();
    }
    expectResumed();
  });

  test.skipIf(!existsSync("/usr/bin/ctr"))("goes on by Range: containerd", async () => {
    const containerd = await startContainerd(join(folder, "ctr"), await setupText("containerd"));
    try {
      await containerd.pull("docker.io/library/tide:1");
    } finally {
      await containerd.stop();
    }
    expectResumed();
  });

  const regctl = GO_CLIENTS.find(({ name }) => name === "regctl");
  test.skipIf((regctl?.program ?? null) === null)("goes on by Range: regctl", async () => {
    const layout = join(folder, "regctl");
    await regctl?.pull(proxy.url.host, "tide", layout);
    expect(await findWrongBlobs(layout, image)).toEqual([]);
    expectResumed();
  });

  const others = GO_CLIENTS.filter(({ name }) => name !== "regctl");
  test.each(others)("$name gives up, and its next pull is right", async (client) => {
    if (client.program === null) return;
    const layout = join(folder, client.name);
    await expect(client.pull(proxy.url.host, "tide", layout)).rejects.toThrow();
    expect(proxy.ranges()).toEqual([]);
    proxy.breakAfter(BREAK_AFTER, 0);
    await client.pull(proxy.url.host, "tide", layout);
    expect(await findWrongBlobs(layout, image)).toEqual([]);
  });

  test.skipIf(!existsSync("/usr/bin/podman"))(
    "podman gives up, and its next pull is right",
    async () => {
      const config = join(folder, "registries.conf");
      await writeFile(config, await setupText("podman"));
      const own = ["--root", join(folder, "podman"), "--runroot", join(folder, "podman-run")];
      // Where it keeps what it is downloading, or it would be left in the machine's own.
      const env = { ...process.env, CONTAINERS_REGISTRIES_CONF: config, TMPDIR: folder };
      const args = [...own, "--storage-driver", "vfs", "pull", "-q", "docker.io/library/tide:1"];
      await expect(run("podman", args, { env })).rejects.toThrow("unexpected EOF");
      proxy.breakAfter(BREAK_AFTER, 0);
      const { stdout } = await run("podman", args, { env });
      expect(stdout.trim()).toBe(image.blobs[0]?.digest.replace("sha256:", ""));
    },
  );
});
