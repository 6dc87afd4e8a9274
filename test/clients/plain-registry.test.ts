import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type VerifyStory, pullJob, startStory } from "../helpers/verify.ts";
import { type Running, hasDaemons, pushImage, startDockerd, startRegistry } from "./daemons.ts";

/** The log of `docker pull`, as a real dockerd with this one mirror prints it. */
async function pull(folder: string, mirror: Running, name: string): Promise<string> {
  const daemon = await startDockerd(folder, [`--registry-mirror=${mirror.url}`]);
  try {
    return `$ docker pull ${name}\n${await daemon.docker("pull", name)}`;
  } finally {
    await daemon.stop();
  }
}

describe.skipIf(!hasDaemons)("Debian's docker-registry in proxy mode (skipped without it)", () => {
  let folder = "";
  let hub: Running;
  let proxy: Running;
  let story: VerifyStory;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-plain-"));
    hub = await startRegistry(join(folder, "hub"));
    await pushImage(join(folder, "alpine"), hub, "library/alpine:3");
    await pushImage(join(folder, "redis"), hub, "library/redis:7");
    proxy = await startRegistry(join(folder, "proxy"), hub.url);
    story = await startStory();
  }, 120_000);

  afterAll(async () => {
    await story.stop();
    await proxy.stop();
    await hub.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("proves what it holds in weaker words, and shows what bypassed it", async () => {
    const through = await pull(join(folder, "d1"), proxy, "alpine:3");
    // Another mirror in front: for this one as good as Docker Hub itself.
    const round = await pull(join(folder, "d2"), hub, "redis:7");
    console.log(through, round);
    story.addPipeline([
      pullJob("", "", { name: "through", trace: through }),
      pullJob("", "", { name: "round", trace: round }),
    ]);
    const result = await story.verify(["--merge-request", "1"], { TIDEPOOL_MIRROR: proxy.url });
    console.log(result.stdout);
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toContain(
      "alpine:3  held by the mirror (through: its repository is in the mirror's catalog)",
    );
    expect(result.stdout).toContain(
      "redis:7  bypassed the mirror (round: it was downloaded in this job",
    );
    expect(story.merge.notes[0]?.body).toContain("**this shows less**");
    expect(story.merge.notes[0]?.body).not.toContain("from cache.");
  }, 180_000);
});
