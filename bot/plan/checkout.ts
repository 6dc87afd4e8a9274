import { type Dirent, readFileSync, readdirSync } from "node:fs";
import { chmod, chown, lstat, open, realpath, rename, rm } from "node:fs/promises";
import { dirname, join, sep } from "node:path";

import { BotError } from "../errors.ts";
import type { RepositoryFiles } from "./repository.ts";

/** Folders that hold no source of the project's own. */
const SKIPPED: ReadonlySet<string> = new Set([".git", "node_modules", ".terraform"]);

/**
 * Opens a local checkout. It is read synchronously: nothing else waits meanwhile, and for thousands of small files
 * the way through the thread pool was a fifth of the whole run. Symbolic links are neither read nor followed, as GitLab does not follow them either, and
 * repositories within the repository are left to themselves.
 */
export function createCheckout(root: string): RepositoryFiles {
  return {
    list: () => Promise.resolve(listFiles(root)),
    read: (path) => Promise.resolve(readText(join(root, path))),
  };
}

function listFiles(root: string): readonly string[] {
  const paths: string[] = [];
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const entries = listFolder(join(root, folder));
    // A folder with a `.git` of its own is a submodule or another checkout.
    if (folder !== "" && entries.some(({ name }) => name === ".git")) continue;
    for (const entry of entries) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) folders.push(path);
      else if (entry.isFile()) paths.push(path);
    }
  }
  return paths.toSorted();
}

function listFolder(path: string): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    throw new BotError(`${path} cannot be listed`, { cause: error });
  }
}

function readText(path: string): string | null {
  try {
    // The mark is kept: it is a byte of the file like any other.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
  } catch {
    return null;
  }
}

/** A file's text before and after. */
export interface Rewrite {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/**
 * Writes one file whole or not at all: beside the old one, then in its place, with its mode and owner.
 *
 * @throws {@link BotError} where the file is a link, lies outside the root, changed since it was read, or cannot be written
 */
export async function rewrite(root: string, { path, before, after }: Rewrite): Promise<void> {
  const target = join(root, path);
  const inside = await realpath(root);
  const folder = await realpath(dirname(target));
  if (folder !== inside && !folder.startsWith(inside === sep ? sep : `${inside}${sep}`)) {
    throw new BotError(`${path} lies outside the directory: not written`);
  }
  const stat = await lstat(target);
  if (!stat.isFile()) throw new BotError(`${path} is no regular file: not written`);
  if (readText(target) !== before) {
    throw new BotError(`${path} has changed in the meantime: not written`);
  }
  const beside = join(folder, `.tidepool-${process.pid}-${Date.now()}`);
  try {
    const file = await open(beside, "wx", 0o600);
    try {
      await file.writeFile(after, "utf8");
      await file.sync();
    } finally {
      await file.close();
    }
    // Owner first: changing it clears the set-id bits of the mode.
    if (process.getuid?.() === 0) await chown(beside, stat.uid, stat.gid);
    await chmod(beside, stat.mode & 0o7777);
    await rename(beside, target);
  } catch (error) {
    await rm(beside, { force: true });
    throw new BotError(`${path} could not be written`, { cause: error });
  }
}
