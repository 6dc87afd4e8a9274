import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import type { Image } from "../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import { listRegistries } from "../helpers/registries.ts";
import { startContainerd } from "./containerd.ts";
import { hasDaemons, removeMounted, startDockerd } from "./daemons.ts";
import { BUSYBOX, buildImage } from "./images.ts";

const run = promisify(execFile);

const NAMES = ["docker.io", "ghcr.io", "quay.io"] as const;
const hasAll = hasDaemons && existsSync(BUSYBOX);

/** Each registry has an image of its own by the same name, which tells where a pull ended up. */
describe.skipIf(!hasAll)("of several registries (skipped without Debian's clients)", () => {
  const hubs = {} as Record<(typeof NAMES)[number], FakeHub>;
  const images = {} as Record<(typeof NAMES)[number], Image>;
  let mirror: TestMirror;
  let folder: string;

  beforeAll(async () => {
    for (const name of NAMES) {
      hubs[name] = await startFakeHub();
      images[name] = await buildImage(100_000);
      hubs[name].push("team/app", "1", images[name]);
    }
    const { "docker.io": hub, ...others } = hubs;
    mirror = await startTestMirror({ UPSTREAM: hub.url, UPSTREAMS: listRegistries(others) });
    folder = await mkdtemp(join(tmpdir(), "tidepool-registries-"));
  });
  afterAll(async () => {
    await mirror.stop();
    for (const name of NAMES) await hubs[name].close();
    await removeMounted(folder);
  });

  function expectAllThroughMirror(): void {
    for (const name of NAMES)
      for (const { headers } of hubs[name].log)
        expect(headers["user-agent"]).toMatch(/^tidepool\//);
  }

  test.skipIf(!existsSync("/usr/bin/ctr"))(
    "containerd pulls each one's own, by a hosts.toml of its own and by _default",
    async () => {
      const host = `[host."${mirror.url.origin}"]\n  capabilities = ["pull", "resolve"]\n`;
      const root = join(folder, "containerd");
      const containerd = await startContainerd(root, `server = "https://docker.io"\n${host}`);
      try {
        for (const name of ["ghcr.io", "_default"]) {
          await mkdir(join(root, "certs.d", name), { recursive: true });
          await writeFile(join(root, "certs.d", name, "hosts.toml"), host);
        }
        for (const name of NAMES) {
          await containerd.pull(`${name}/team/app:1`);
          const listed = await containerd.ctr("images", "list", `name==${name}/team/app:1`);
          expect(listed).toContain(images[name].manifest.content.digest);
        }
      } finally {
        await containerd.stop();
      }
      expectAllThroughMirror();
    },
  );

  test.skipIf(!existsSync("/usr/bin/podman"))(
    "podman pulls each one's own, by a mirror with a prefix in its path",
    async () => {
      const mirrors = NAMES.map(
        (name) =>
          `[[registry]]\nprefix = "${name}"\nlocation = "${name}"\n` +
          `[[registry.mirror]]\nlocation = "${mirror.url.host}/${name}"\ninsecure = true\n`,
      );
      const config = join(folder, "registries.conf");
      await writeFile(config, mirrors.join("\n"));
      const own = ["--root", join(folder, "podman"), "--runroot", join(folder, "podman-run")];
      const env = { ...process.env, CONTAINERS_REGISTRIES_CONF: config };
      for (const name of NAMES) {
        const args = [...own, "--storage-driver", "vfs", "pull", "-q", `${name}/team/app:1`];
        const { stdout } = await run("podman", args, { env });
        expect(stdout.trim()).toBe(images[name].blobs[0]?.digest.replace("sha256:", ""));
      }
      expectAllThroughMirror();
    },
  );

  test("dockerd pulls each one's own from the mirror by its full name", async () => {
    const daemon = await startDockerd(join(folder, "dockerd"), []);
    try {
      for (const name of NAMES)
        expect(await daemon.docker("pull", `${mirror.url.host}/${name}/team/app:1`)).toContain(
          `Digest: ${images[name].manifest.content.digest}`,
        );
    } finally {
      await daemon.stop();
    }
    expectAllThroughMirror();
  });
});
