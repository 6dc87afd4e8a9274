import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { TYPES, createImage, syntheticContent } from "../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import { GO_CLIENTS } from "./go-clients.ts";
import { findWrongBlobs } from "./layout.ts";

const MIB = 1024 * 1024;

describe.each(GO_CLIENTS)("$name (skipped without Go)", (client) => {
  let hub: FakeHub;
  let mirror: TestMirror;
  let folder: string;

  beforeAll(async () => {
    hub = await startFakeHub();
    mirror = await startTestMirror({ UPSTREAM: hub.url });
    folder = await mkdtemp(join(tmpdir(), `tidepool-${client.name}-`));
  });
  afterAll(async () => {
    await mirror.stop();
    await hub.close();
    await rm(folder, { recursive: true, force: true });
  });

  test.skipIf(client.program === null)(
    "pulls cold for one counted pull, and warm for none",
    async () => {
      // One of each way to the client: a put, a put of two ranges, chunks.
      const layers = [300, 3 * MIB, 25 * MIB].map(syntheticContent);
      const image = createImage(layers, TYPES.ociManifest);
      hub.push("library/tide", "1", image);

      await client.pull(mirror.url.host, "tide", join(folder, "cold"));
      expect(await findWrongBlobs(join(folder, "cold"), image)).toEqual([]);
      expect(hub.pulls()).toBe(1);
      for (const { digest, size } of image.blobs) expect(hub.bytesSent.get(digest)).toBe(size);

      hub.forget();
      await client.pull(mirror.url.host, "tide", join(folder, "warm"));
      expect(await findWrongBlobs(join(folder, "warm"), image)).toEqual([]);
      expect(hub.log).toEqual([]);
    },
  );
});
