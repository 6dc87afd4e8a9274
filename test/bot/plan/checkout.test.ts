import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { createCheckout, rewrite } from "../../../bot/plan/checkout.ts";
import { createDirectory } from "../commands/run.ts";

describe("rewrite", () => {
  it("puts the new text in the place of the old", async () => {
    const root = createDirectory({ "a/b.txt": "one" });
    await rewrite(root, { path: "a/b.txt", before: "one", after: "two" });
    expect(readFileSync(join(root, "a/b.txt"), "utf8")).toBe("two");
    expect(readdirSync(join(root, "a"))).toEqual(["b.txt"]);
  });

  it("refuses a file that has changed since it was read", async () => {
    const root = createDirectory({ "a.txt": "three" });
    await expect(rewrite(root, { path: "a.txt", before: "one", after: "two" })).rejects.toThrow(
      /changed/,
    );
    expect(readFileSync(join(root, "a.txt"), "utf8")).toBe("three");
    expect(readdirSync(root)).toEqual(["a.txt"]);
  });

  it("refuses a link, and a folder that is a link out of the directory", async () => {
    const outside = createDirectory({ "a.txt": "one" });
    const root = createDirectory({});
    symlinkSync(join(outside, "a.txt"), join(root, "a.txt"));
    symlinkSync(outside, join(root, "folder"));
    await expect(rewrite(root, { path: "a.txt", before: "one", after: "two" })).rejects.toThrow(
      /regular/,
    );
    await expect(
      rewrite(root, { path: "folder/a.txt", before: "one", after: "two" }),
    ).rejects.toThrow(/outside/);
    await expect(rewrite(root, { path: "../x", before: "one", after: "two" })).rejects.toThrow(
      /outside|ENOENT/,
    );
    expect(readFileSync(join(outside, "a.txt"), "utf8")).toBe("one");
  });

  it("works where the directory itself is reached through a link", async () => {
    const root = createDirectory({ "a.txt": "one" });
    const parent = createDirectory({});
    symlinkSync(root, join(parent, "here"));
    await rewrite(join(parent, "here"), { path: "a.txt", before: "one", after: "two" });
    expect(readFileSync(join(root, "a.txt"), "utf8")).toBe("two");
  });
});

describe("a checkout", () => {
  it("lists regular files in order, and reads text with its mark and line ends", async () => {
    const root = createDirectory({
      "b.txt": "\uFEFFx\r\n",
      "a/c.txt": "y",
      bin: new Uint8Array([255]),
    });
    mkdirSync(join(root, "empty"));
    symlinkSync("b.txt", join(root, "link"));
    const files = createCheckout(root);
    expect(await files.list()).toEqual(["a/c.txt", "b.txt", "bin"]);
    expect(await files.read("b.txt")).toBe("\uFEFFx\r\n");
    expect(await files.read("bin")).toBeNull();
    expect(await files.read("none")).toBeNull();
    writeFileSync(join(root, "b.txt"), "");
    expect(await files.read("b.txt")).toBe("");
  });
});
