import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { createKeeper } from "../../../worker/local/keeper.ts";
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
