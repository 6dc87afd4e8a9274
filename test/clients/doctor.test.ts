import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MirrorProcess, spawnMirror } from "../helpers/process.ts";
import { type Running, hasDaemons, pushImage, startRegistry } from "./daemons.ts";

const run = promisify(execFile);
const CLI = fileURLToPath(new URL("../../bot/cli.ts", import.meta.url));

async function doctor(mirror: string): Promise<string> {
  const { stdout } = await run(process.execPath, [CLI, "doctor", "--mirror", mirror]);
  console.log(stdout);
  return stdout;
}

describe.skipIf(!hasDaemons)(
  "tidepool doctor (skipped without docker-registry and buildah)",
  () => {
    let folder = "";
    let hub: Running;
    let proxy: Running;
    let mirror: MirrorProcess;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "tidepool-doctor-"));
      hub = await startRegistry(join(folder, "hub"));
      await pushImage(join(folder, "hello"), hub, "library/hello-world:latest");
      proxy = await startRegistry(join(folder, "proxy"), hub.url);
      const upstream = `UPSTREAM=${hub.url}`;
      mirror = await spawnMirror([
        "--port",
        "0",
        "--data",
        join(folder, "data"),
        "--var",
        upstream,
      ]);
    });
    afterAll(async () => {
      await mirror.terminate();
      await proxy.stop();
      await hub.stop();
      await rm(folder, { recursive: true, force: true });
    });

    it("pulls from Debian's docker-registry in proxy mode, and says what it cannot know there", async () => {
      const told = await doctor(proxy.url);
      expect(told).toMatch(
        /ok {7}pull {5}library\/hello-world: manifest in \d+ ms \(UNKNOWN\), 2 blobs/,
      );
      expect(told).toMatch(/unknown {2}quota {4}this mirror has no API of Tidepool's/);
      expect(told).toMatch(/unknown {2}version {2}this mirror does not tell what it is/);
      expect(told).toMatch(/ok {7}clock/);
    });

    it("pulls from npm start what a real registry holds, the second time from its store", async () => {
      const told = await doctor(mirror.url.origin);
      expect(told).toMatch(
        /ok {7}pull .* \(MISS\), 2 blobs .* digests right; again in \d+ ms \(HIT\)/,
      );
      expect(told).toMatch(/ok {7}version {2}Tidepool \d/);
    });
  },
);
