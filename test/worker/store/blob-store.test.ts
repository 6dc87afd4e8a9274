import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { describe, expect, test } from "vitest";
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
  const { bucket, stop } = await startBucket();
  const bodyOf = (bytes: Buffer) => bytes as unknown as ReadableStream<Uint8Array>;
  return { store: createR2Store(bucket), bodyOf, strays: () => Promise.resolve([]), stop };
});

describeBlobStore("files", async (): Promise<StoreUnderTest> => {
  const { disk, bucket, root, stop } = await startDisk();
  const strays = () => readdir(join(root, "incoming")).catch(() => []);
  const bodyOf = (bytes: Buffer) => new Blob([new Uint8Array(bytes)]).stream();
  return { store: createLocalStore(bucket, disk), bodyOf, strays, stop };
});

describe("the keeper of files", () => {
  async function keep(root: string, operation: string, request: unknown) {
    const keeper = await createKeeper(root);
    const body = JSON.stringify(request);
    const response = await keeper(
      new Request(`http://disk/${operation}`, { method: "POST", body }),
    );
    return { status: response.status, text: await response.text() };
  }

  async function withRoot(work: (root: string) => Promise<void>): Promise<void> {
    const root = await mkdtemp(join(tmpdir(), "tidepool-keeper-"));
    try {
      await work(root);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  }

  test.each([
    "../x",
    "blobs/../../x",
    "/etc/x",
    "blobs",
    "other/x",
    "blobs//x",
    "blobs/x/.",
    "blobs/x\0",
  ])("touches nothing outside its folders: %j", (key) =>
    withRoot(async (root) => {
      expect((await keep(root, "delete", { keys: [key] })).status).toBe(500);
      const admission = { from: key, to: "blobs/sha256/aa", algorithm: "sha256", hex: "aa" };
      expect((await keep(root, "admit", admission)).status).toBe(500);
      const moved = { ...admission, from: "incoming/a", to: key };
      expect((await keep(root, "admit", moved)).status).toBe(500);
    }),
  );

  test.each(["../x", "other"])("lists nothing else: %j", (kind) =>
    withRoot(async (root) => {
      expect((await keep(root, "list", { kind, after: null })).status).toBe(500);
    }),
  );

  test("knows no other operations", () =>
    withRoot(async (root) => {
      for (const name of ["", "rename", "constructor", "toString"])
        expect((await keep(root, name, {})).status).toBe(404);
    }));

  test("clears away what a killed mirror was receiving, and nothing else", () =>
    withRoot(async (root) => {
      for (const folder of ["incoming", "blobs/sha256"]) {
        await mkdir(join(root, folder), { recursive: true });
        await writeFile(join(root, folder, "aa"), "half");
      }
      await createKeeper(root);
      expect(await readdir(root)).toEqual(["blobs"]);
      expect(await readdir(join(root, "blobs/sha256"))).toEqual(["aa"]);
    }));

  test("leaves no empty folder of a fill behind, and none that is in use away", () =>
    withRoot(async (root) => {
      for (const fill of ["aa", "bb"]) {
        await mkdir(join(root, "fills/sha256", fill), { recursive: true });
        await writeFile(join(root, "fills/sha256", fill, "0-9"), "0123456789");
      }
      await writeFile(join(root, "fills/sha256/bb/10-19"), "0123456789");
      const keys = ["fills/sha256/aa/0-9", "fills/sha256/bb/0-9"];
      expect((await keep(root, "delete", { keys })).status).toBe(200);
      expect(await readdir(join(root, "fills/sha256"))).toEqual(["bb"]);
    }));
});
