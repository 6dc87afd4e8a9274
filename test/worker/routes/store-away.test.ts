import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Stats } from "../../../worker/contract/stats.ts";
import { receive } from "../../helpers/bytes.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { readApi, readLog } from "../../helpers/ledger.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

const MIB = 1024 * 1024;

let hub: FakeHub;
let mirror: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  mirror = await startTestMirror({ UPSTREAM: hub.url });
  // The bucket's folder is there once something was put.
  const image = createImage([]);
  hub.push("team/first", "1", image);
  await receive(mirror.fetch("/v2/team/first/manifests/1"));
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});
beforeEach(() => hub.forget());

/** Takes the disk away under Miniflare's R2: every put and every read of bytes fails, as from a volume that is gone. */
function breakStore(): () => void {
  const folder = join(mirror.data, "r2/tidepool/blobs");
  renameSync(folder, `${folder}.away`);
  writeFileSync(folder, "");
  return () => {
    rmSync(folder);
    renameSync(`${folder}.away`, folder);
  };
}

async function whileBroken<T>(work: () => Promise<T>): Promise<T> {
  const mend = breakStore();
  try {
    return await work();
  } finally {
    mend();
  }
}

test("what is passed through while the store is away is bytes fetched", async () => {
  const fetched = async () => (await readApi(mirror, "/api/stats", Stats)).totals.bytesFetched;
  const blob = syntheticContent(700_000);
  const image = createImage([blob]);
  hub.push("team/passed", "1", image);
  await receive(mirror.fetch("/v2/team/passed/manifests/1"));
  await readLog(mirror, 2);
  const before = await fetched();
  const got = await whileBroken(() =>
    receive(mirror.fetch(`/v2/team/passed/blobs/${blob.digest}`)),
  );
  expect(got).toMatchObject({ status: 200, digest: blob.digest });
  await vi.waitFor(async () => expect(await fetched()).toBe(before + blob.size), {
    timeout: 15_000,
  });
});

test("wrong bytes that are passed through are a failure of their registry", async () => {
  const blob = syntheticContent(300_000);
  hub.push("team/wrong", "1", createImage([blob]));
  await receive(mirror.fetch("/v2/team/wrong/manifests/1"));
  hub.faults.corruptBlobs = true;
  try {
    const path = `/v2/team/wrong/blobs/${blob.digest}`;
    expect((await whileBroken(() => receive(mirror.fetch(path)))).broken).toBe(true);
  } finally {
    hub.faults.corruptBlobs = false;
  }
  await vi.waitFor(
    async () => {
      const { upstreams } = await readApi(mirror, "/api/stats", Stats);
      expect(upstreams?.[0]?.failures).toMatchObject([{ kind: "bad-response" }]);
    },
    { timeout: 15_000 },
  );
});

describe("while the store is away", () => {
  test.each([5_000, 3 * MIB, 30 * MIB])("a cold blob of %d bytes is served whole", async (size) => {
    const blob = syntheticContent(size);
    const image = createImage([blob]);
    hub.push("team/app", "1", image);
    const path = `/v2/team/app/blobs/${blob.digest}`;
    const got = await whileBroken(() => receive(mirror.fetch(path)));
    expect(got).toMatchObject({ status: 200, digest: blob.digest, length: size, broken: false });
    // A put that fails for the store's sake is not tried again and again, as a broken connection is.
    expect(got.ms).toBeLessThan(5_000);

    expect(await receive(mirror.fetch(path))).toMatchObject({ status: 200, digest: blob.digest });
    await vi.waitFor(
      async () => {
        const head = await mirror.fetch(path, { method: "HEAD" });
        expect(head.headers.get("x-cache")).toBe("HIT");
      },
      { timeout: 20_000, interval: 50 },
    );
    const warm = await receive(mirror.fetch(path));
    expect(warm).toMatchObject({ status: 200, digest: blob.digest, length: size, broken: false });
  });

  test("a layer on its way breaks off soon, and is served whole to who asks again", async () => {
    const blob = syntheticContent(60 * MIB);
    hub.push("team/app", "1", createImage([blob]));
    hub.faults.bytesPerSecond = 10 * MIB;
    const path = `/v2/team/app/blobs/${blob.digest}`;
    const response = await mirror.fetch(path);
    const begun = receive(Promise.resolve(response));
    await whileBroken(async () => {
      const startedAt = performance.now();
      expect(await begun).toMatchObject({ status: 200, broken: true });
      expect(performance.now() - startedAt).toBeLessThan(15_000);
      hub.faults.bytesPerSecond = null;
      expect(await receive(mirror.fetch(path))).toMatchObject({ status: 200, digest: blob.digest });
    });
    expect(await receive(mirror.fetch(path))).toMatchObject({ status: 200, digest: blob.digest });
  }, 60_000);

  test("a cold manifest is served by tag and by digest, and is stored once the store is back", async () => {
    const image = createImage([]);
    const { digest } = image.manifest.content;
    hub.push("team/tool", "1", image);
    await whileBroken(async () => {
      expect(await receive(mirror.fetch("/v2/team/tool/manifests/1"))).toMatchObject({
        status: 200,
        digest,
      });
    });
    const other = createImage([]);
    hub.push("team/tool", "2", other);
    await whileBroken(async () => {
      const path = `/v2/team/tool/manifests/${other.manifest.content.digest}`;
      expect(await receive(mirror.fetch(path))).toMatchObject({
        status: 200,
        digest: other.manifest.content.digest,
      });
    });
    await mirror.restart();
    expect((await mirror.fetch("/v2/team/tool/manifests/1")).status).toBe(200);
    hub.faults.registry = "503";
    const stored = await mirror.fetch("/v2/team/tool/manifests/1");
    hub.faults.registry = null;
    expect(stored.status).toBe(200);
  });

  test("warm blobs and manifests are had from Docker Hub", async () => {
    const blob = syntheticContent(70_000);
    const image = createImage([blob]);
    hub.push("team/warm", "1", image);
    await receive(mirror.fetch("/v2/team/warm/manifests/1"));
    const path = `/v2/team/warm/blobs/${blob.digest}`;
    await receive(mirror.fetch(path));
    await whileBroken(async () => {
      expect(await receive(mirror.fetch(path))).toMatchObject({ status: 200, digest: blob.digest });
      expect((await mirror.fetch("/v2/team/warm/manifests/1")).status).toBe(200);
    });
    expect(await receive(mirror.fetch(path))).toMatchObject({ status: 200, digest: blob.digest });
  });
});
