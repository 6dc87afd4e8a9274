import { mkdtemp, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { expect, test } from "vitest";
import { createKeeper } from "../../../worker/local/keeper.ts";
import { parseDigest } from "../../../worker/oci/digest.ts";
import { chunkKey } from "../../../worker/store/keys.ts";
import { type Disk, createLocalStore } from "../../../worker/store/files.ts";
import { type Bucket, createR2Store } from "../../../worker/store/r2.ts";
import { type StoreUnderTest, describeBlobStore } from "../../conformance/blob-store.ts";
import { startBucket } from "../../helpers/upkeep.ts";

/** Miniflare's disk service, reached from here, and the real keeper beside it. */
async function startDisk(): Promise<{
  disk: Disk;
  bucket: Bucket;
  root: string;
  stop(): Promise<void>;
}> {
  const root = await mkdtemp(join(tmpdir(), "tidepool-files-"));
  const keeper = await createKeeper(root);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: "export default { fetch: (request, env) => env.DISK.fetch(request) }",
      compatibilityDate: "2026-10-15",
      serviceBindings: { DISK: { disk: { path: root, writable: true } } },
      r2Buckets: { STORE: "tidepool" },
      cf: false,
      telemetry: { enabled: false },
    }),
  );
  const fetchFile = (url: string, init: RequestInit) =>
    miniflare.dispatchFetch(url, { ...init, duplex: "half" } as never);
  const disk = {
    files: { fetch: fetchFile },
    keeper: { fetch: (url: string, init: RequestInit) => keeper(new Request(url, init)) },
  } as unknown as Disk;
  return {
    disk,
    bucket: (await miniflare.getR2Bucket("STORE")) as unknown as Bucket,
    root,
    async stop() {
      await miniflare.dispose();
      await rm(root, { recursive: true, force: true });
    },
  };
}

describeBlobStore("R2", async (): Promise<StoreUnderTest> => {
  const started = await startBucket();
  return {
    store: createR2Store(started.bucket),
    bodyOf: (bytes) => bytes as unknown as ReadableStream<Uint8Array>,
    strays: () => Promise.resolve([]),
    stop: () => started.stop(),
  };
});

describeBlobStore("files", async (): Promise<StoreUnderTest> => {
  const started = await startDisk();
  return {
    store: createLocalStore(started.bucket, started.disk),
    bodyOf: (bytes) => new Blob([new Uint8Array(bytes)]).stream(),
    strays: () => readdir(join(started.root, "incoming")).catch(() => []),
    stop: () => started.stop(),
  };
});

test("a chunk's file that was cut short is the store's error, and not the words of a refusal", async () => {
  const { disk, bucket, root, ...started } = await startDisk();
  try {
    const store = createLocalStore(bucket, disk);
    const digest = parseDigest(`sha256:${"a".repeat(64)}`)!;
    const chunk = { first: 0, last: 99 };
    await store.putChunk(digest, chunk, new Uint8Array(100));
    await truncate(join(root, chunkKey(digest, chunk)), 10);
    const opening = store.openChunk(digest, chunk, { first: 50, last: 99 });
    await expect(opening).rejects.toMatchObject({ name: "StoreError", kind: "failed" });
  } finally {
    await started.stop();
  }
});
