import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createKeeper } from "../../../worker/local/keeper.ts";

async function keep(root: string, operation: string, request: unknown) {
  const keeper = await createKeeper(root);
  const body = JSON.stringify(request);
  const response = await keeper(new Request(`http://disk/${operation}`, { method: "POST", body }));
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

describe("the keeper of files", () => {
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

  test("lists a thousand files at once, and the rest after them", () =>
    withRoot(async (root) => {
      const folder = join(root, "blobs/sha256");
      await mkdir(folder, { recursive: true });
      const names = Array.from({ length: 1500 }, (_, at) => at.toString(16).padStart(4, "0"));
      for (const name of names) await writeFile(join(folder, name), name);
      const list = async (after: string | null) =>
        JSON.parse((await keep(root, "list", { kind: "blobs", after })).text) as {
          objects: { name: string; size: number }[];
          isLast: boolean;
        };
      const first = await list(null);
      expect(first).toMatchObject({ isLast: false });
      expect(first.objects[0]).toMatchObject({ name: "sha256/0000", size: 4 });
      const second = await list(first.objects.at(-1)?.name ?? null);
      expect(second.isLast).toBe(true);
      const listed = [...first.objects, ...second.objects].map(({ name }) => name);
      expect(listed).toEqual(names.map((name) => `sha256/${name}`));
    }));

  test("lists and deletes what a killed mirror was writing into a fill's folder", () =>
    withRoot(async (root) => {
      // As workerd names it: seen after a kill -9.
      const name = "sha256/aa/.0-9.15051.0.tmp";
      await mkdir(join(root, "fills/sha256/aa"), { recursive: true });
      await writeFile(join(root, "fills", name), "half");
      const listed = await keep(root, "list", { kind: "fills", after: null });
      expect(JSON.parse(listed.text)).toMatchObject({ objects: [{ name, size: 4 }] });
      expect((await keep(root, "delete", { keys: [`fills/${name}`] })).status).toBe(200);
      expect(await readdir(join(root, "fills/sha256"))).toEqual([]);
    }));
});
