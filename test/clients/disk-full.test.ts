import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { receive } from "../helpers/bytes.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../helpers/images.ts";
import { type MirrorProcess, spawnMirror } from "../helpers/process.ts";

const run = promisify(execFile);
const MIB = 1024 * 1024;

/** A disk of 40 MiB of its own, which only root can make. */
describe.skipIf(process.getuid?.() !== 0)(
  "npm start on a disk that is full (skipped without root)",
  () => {
    let hub: FakeHub;
    let folder: string;
    let disk: string;
    let mirror: MirrorProcess;

    beforeAll(async () => {
      hub = await startFakeHub();
      folder = await mkdtemp(join(tmpdir(), "tidepool-full-"));
      disk = join(folder, "files");
      await mkdir(disk);
      await run("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", disk]);
      mirror = await spawnMirror(["--port", "0", "--data", folder, "--var", `UPSTREAM=${hub.url}`]);
    });
    afterAll(async () => {
      await mirror.kill();
      await hub.close();
      await run("umount", [disk]);
      await rm(folder, { recursive: true, force: true });
    });

    function publish(tag: string, bytes: number) {
      const layer = syntheticContent(bytes);
      hub.push("library/tide", tag, createImage([layer]));
      return {
        digest: layer.digest,
        url: new URL(`/v2/library/tide/blobs/${layer.digest}`, mirror.url),
      };
    }

    test.each([10 * MIB, 30 * MIB, 60 * MIB])(
      "a layer of %d bytes that does not fit is served all the same, and what fitted stays",
      async (bytes) => {
        const kept = publish(`kept-${bytes}`, 5 * MIB);
        expect((await receive(fetch(kept.url))).digest).toBe(kept.digest);
        await run("dd", ["if=/dev/zero", `of=${join(disk, "rest")}`, "bs=1M"]).catch(
          () => undefined,
        );
        const large = publish(`large-${bytes}`, bytes);
        const got = await receive(fetch(large.url));
        expect(got).toMatchObject({ status: 200, digest: large.digest, broken: false });
        const again = await receive(fetch(kept.url));
        expect(again).toMatchObject({ status: 200, digest: kept.digest });
        expect(again.headers.get("x-cache")).toBe("HIT");

        await rm(join(disk, "rest"));
        const later = publish(`later-${bytes}`, MIB);
        expect((await receive(fetch(later.url))).digest).toBe(later.digest);
        expect((await fetch(later.url, { method: "HEAD" })).headers.get("x-cache")).toBe("HIT");
      },
      60_000,
    );
  },
);
