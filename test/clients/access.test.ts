import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { PullLogPage } from "../../worker/contract/pull-log.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import type { Image } from "../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import { startContainerd } from "./containerd.ts";
import { hasDaemons, removeMounted, startDockerd } from "./daemons.ts";
import { GO_CLIENTS } from "./go-clients.ts";
import { findWrongBlobs } from "./layout.ts";
import { BUSYBOX, buildImage } from "./images.ts";
import { type Wildcard, startWildcard } from "./wildcard.ts";

const crane = GO_CLIENTS.find(({ name }) => name === "crane");
const run = promisify(execFile);

const SHOP = "sh0ps3cr3tsh0ps3cr3tsh";
const OPS = "0pss3cr3t0pss3cr3t0pss";
const WRONG = "wr0ngs3cr3twr0ngs3cr3t";
const ADMIN = "a".repeat(40);

/** Each client brings its secret in the way it can; a stranger with the same client gets nothing. */
describe.skipIf(!hasDaemons || !existsSync(BUSYBOX))(
  "with a secret (skipped where Debian's clients are missing)",
  () => {
    let hub: FakeHub;
    let mirror: TestMirror;
    let wildcard: Wildcard;
    let image: Image;
    let folder: string;

    beforeAll(async () => {
      hub = await startFakeHub();
      image = await buildImage(100_000);
      hub.push("library/tide", "1", image);
      mirror = await startTestMirror({
        UPSTREAM: hub.url,
        ACCESS: "token:shop token:ops",
        ACCESS_TOKENS: `shop:${SHOP} ops:${OPS}`,
        ADMIN_TOKEN: ADMIN,
      });
      wildcard = await startWildcard(mirror.url);
      folder = await mkdtemp(join(tmpdir(), "tidepool-access-"));
    });
    afterAll(async () => {
      await wildcard.close();
      await mirror.stop();
      await hub.close();
      await removeMounted(folder);
    });
    const toldUpstream: string[] = [];
    beforeEach(() => {
      toldUpstream.push(JSON.stringify(hub.log));
      hub.forget();
      wildcard.seen.length = 0;
    });

    /** The token of the newest pull; the log is written a moment after the answers. */
    async function expectPullBy(token: string, agent: RegExp, sinceMs: number): Promise<void> {
      await vi.waitFor(
        async () => {
          const headers = { authorization: `Bearer ${ADMIN}` };
          const answer = await mirror.fetch(`/api/pulls?since=${sinceMs}`, { headers });
          const { pulls } = PullLogPage.parse(await answer.json());
          expect(pulls.map((pull) => pull.token)).toContain(token);
          expect(pulls.at(-1)?.token).toBe(token);
          expect(pulls.at(-1)?.client.userAgent).toMatch(agent);
        },
        { timeout: 15_000, interval: 300 },
      );
    }

    async function pullWithDockerd(name: string, label: string): Promise<string> {
      const home = join(folder, name);
      await mkdir(home, { recursive: true });
      // Who is logged in to Docker Hub: a mirror that asked for a login would be told this password.
      const auth = Buffer.from("hubuser:hubpassword").toString("base64");
      const auths = { "https://index.docker.io/v1/": { auth } };
      await writeFile(join(home, "config.json"), JSON.stringify({ auths }));
      const flags = [`--registry-mirror=http://${label}.mirror.example`];
      const proxy = { HTTP_PROXY: wildcard.url, HTTPS_PROXY: wildcard.url };
      const daemon = await startDockerd(home, flags, proxy);
      try {
        return await daemon.docker("pull", "tide:1");
      } finally {
        await daemon.stop();
      }
    }

    test("dockerd 20.10, which takes no path, pulls by the host's first label, and tells no password", async () => {
      const since = Date.now();
      expect(await pullWithDockerd("label", SHOP)).toContain(
        `Digest: ${image.manifest.content.digest}`,
      );
      expect(wildcard.seen.map(({ path }) => path)).toContain("/v2/");
      expect(wildcard.seen.length).toBeGreaterThan(4);
      for (const { host, authorization } of wildcard.seen) {
        expect(host).toBe(`${SHOP}.mirror.example`);
        expect(authorization).toBeNull();
      }
      await expectPullBy("shop", /^docker\//, since);
    });

    test("dockerd with another label gets nothing, and tells no password either", async () => {
      await expect(pullWithDockerd("stranger", WRONG)).rejects.toThrow();
      expect(wildcard.seen.map(({ path }) => path)).toContain("/v2/library/tide/manifests/1");
      for (const { authorization } of wildcard.seen) expect(authorization).toBeNull();
      expect(hub.log).toEqual([]);
    });

    async function pullWithContainerd(name: string, hostsToml: string): Promise<string> {
      const containerd = await startContainerd(join(folder, name), hostsToml);
      try {
        await containerd.pull("docker.io/library/tide:1");
        return await containerd.ctr("images", "list");
      } finally {
        await containerd.stop();
      }
    }

    test.skipIf(!existsSync("/usr/bin/ctr"))(
      "containerd pulls by a path, from /setup's text",
      async () => {
        const since = Date.now();
        const text = await (await mirror.fetch(`/t/${OPS}/setup?client=containerd`)).text();
        expect(await pullWithContainerd("path", text)).toContain(image.manifest.content.digest);
        await expectPullBy("ops", /^containerd\//, since);
      },
    );

    test.skipIf(!existsSync("/usr/bin/ctr"))("containerd pulls by a header", async () => {
      const since = Date.now();
      const host = `host."${mirror.url.origin}"`;
      const toml = [
        'server = "https://registry-1.docker.io"',
        `[${host}]`,
        '  capabilities = ["pull", "resolve"]',
        `  [${host}.header]`,
        `    authorization = ["Bearer ${SHOP}"]`,
      ].join("\n");
      expect(await pullWithContainerd("header", toml)).toContain(image.manifest.content.digest);
      await expectPullBy("shop", /^containerd\//, since);
      await expect(pullWithContainerd("header-wrong", toml.replace(SHOP, WRONG))).rejects.toThrow();
    });

    async function pullWithPodman(
      name: string,
      config: string,
      ...more: string[]
    ): Promise<string> {
      const path = join(folder, `${name}.conf`);
      await writeFile(path, config);
      const own = ["--root", join(folder, name), "--runroot", join(folder, `${name}-run`)];
      const args = [...own, "--storage-driver", "vfs", "pull", "-q", ...more];
      const env = { ...process.env, CONTAINERS_REGISTRIES_CONF: path };
      return (await run("podman", args, { env })).stdout.trim();
    }

    test.skipIf(!existsSync("/usr/bin/podman"))(
      "podman pulls by a path behind /v2/, from /setup's text",
      async () => {
        const since = Date.now();
        const text = await (await mirror.fetch(`/t/${SHOP}/setup?client=podman`)).text();
        const id = await pullWithPodman("podman", text, "docker.io/library/tide:1");
        expect(id).toBe(image.blobs[0]?.digest.replace("sha256:", ""));
        await expectPullBy("shop", /^containers\//, since);
        await expect(
          pullWithPodman("podman-wrong", text.replace(SHOP, WRONG), "docker.io/library/tide:1"),
        ).rejects.toThrow();
      },
    );

    test.skipIf(!existsSync("/usr/bin/podman"))("podman pulls by a login", async () => {
      const since = Date.now();
      const name = `${mirror.url.host}/library/tide:1`;
      const plain = `[[registry]]\nlocation = "${mirror.url.host}"\ninsecure = true\n`;
      const id = await pullWithPodman("podman-login", plain, "--creds", `anyone:${OPS}`, name);
      expect(id).toBe(image.blobs[0]?.digest.replace("sha256:", ""));
      await expectPullBy("ops", /^containers\//, since);
    });

    async function copyWithSkopeo(name: string, secret: string): Promise<string[]> {
      const source = `docker://${mirror.url.host}/library/tide:1`;
      const target = join(folder, name);
      const how = ["copy", "-q", "--src-tls-verify=false", "--src-creds", `anyone:${secret}`];
      await run("skopeo", [...how, source, `dir:${target}`]);
      return await readdir(target);
    }

    test.skipIf(!existsSync("/usr/bin/skopeo"))("skopeo copies by Basic", async () => {
      const since = Date.now();
      const files = await copyWithSkopeo("skopeo", SHOP);
      for (const { digest } of image.blobs) expect(files).toContain(digest.replace("sha256:", ""));
      await expectPullBy("shop", /^skopeo\//, since);
      await expect(copyWithSkopeo("skopeo-wrong", WRONG)).rejects.toThrow(
        /does not know that secret/,
      );
    });

    test.skipIf(!existsSync("/usr/bin/skopeo"))(
      "skopeo lists tags by a path, page after page",
      async () => {
        for (const tag of ["2", "3"]) hub.push("library/tide", tag, image);
        const source = `docker://${mirror.url.host}/t/${SHOP}/library/tide`;
        const { stdout } = await run("skopeo", ["list-tags", "--tls-verify=false", source]);
        expect((JSON.parse(stdout) as { Tags: string[] }).Tags).toEqual(["1", "2", "3"]);
      },
    );

    test.skipIf(crane === undefined || crane.program === null)(
      "crane, whose library kaniko has, pulls by a path behind /v2/",
      async () => {
        const since = Date.now();
        const layout = join(folder, "crane");
        await crane?.pull(`${mirror.url.host}/t/${OPS}`, "tide", layout);
        expect(await findWrongBlobs(layout, image)).toEqual([]);
        await expectPullBy("ops", /^crane\//, since);
      },
    );

    test("no secret and no password reached the upstream", () => {
      const told = toldUpstream.join("");
      expect(told).toContain("/v2/library/tide/manifests/1");
      expect(told).not.toMatch(new RegExp([SHOP, OPS, WRONG, "hubpassword"].join("|")));
    });
  },
);
