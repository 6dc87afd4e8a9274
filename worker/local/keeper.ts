import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Response } from "miniflare";

/**
 * What may be asked: the folders of `Disk` in `worker/store/files.ts`, and the names of its keys. A name with a dot before
 * it, `.0-9.15051.0.tmp`, is what a killed workerd leaves of a file that it was writing; the sweep finds it.
 */
const KEY = /^(?:blobs|fills|incoming)(?:\/\.?[a-z0-9][a-z0-9.-]*)+$/;
/** As R2 lists. */
const MAX_LISTED = 1000;

interface Admission {
  readonly from: string;
  readonly to: string;
  readonly algorithm: string;
  readonly hex: string;
}

/** A request by its path's only part. */
interface Operations {
  admit(request: Admission): Promise<unknown>;
  list(request: { readonly kind: string; readonly after: string | null }): Promise<unknown>;
  delete(request: { readonly keys: readonly string[] }): Promise<unknown>;
}

/**
 * Does for the Worker what workerd's disk service cannot: looks at a file's digest and gives it its name, lists in order,
 * deletes many.
 *
 * @param root - the folder that the disk service serves; what a killed mirror was still receiving there is cleared away
 * @returns the handler of a service binding: `POST /<operation>` with JSON, answered with JSON
 */
export async function createKeeper(
  root: string,
): Promise<(request: { readonly url: string; json(): Promise<unknown> }) => Promise<Response>> {
  await rm(join(root, "incoming"), { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  const operations: Operations = {
    admit: (request) => admit(root, request),
    list: (request) => list(root, request),
    delete: (request) => deleteFiles(root, request),
  };
  return async function keep(request) {
    const name = new URL(request.url).pathname.slice(1);
    if (!Object.hasOwn(operations, name)) return new Response("no such operation", { status: 404 });
    try {
      const operation = operations[name as keyof Operations] as (json: unknown) => Promise<unknown>;
      return Response.json(await operation(await request.json()));
    } catch (error) {
      // Node's messages name the path and what the system said.
      return new Response(error instanceof Error ? error.message : String(error), { status: 500 });
    }
  };
}

/** Gives a file that came whole its name, if its digest is right; else it goes. */
async function admit(root: string, { from, to, algorithm, hex }: Admission) {
  const [source, target] = [pathOf(root, from), pathOf(root, to)];
  try {
    const isRight = (await hashFile(source, algorithm)) === hex;
    if (!isRight) return { isRight };
    await mkdir(dirname(target), { recursive: true });
    await rename(source, target);
    return { isRight };
  } finally {
    await rm(source, { force: true });
  }
}

/** Reads what was written, and has the system write it down: a power cut must not leave a name without its bytes. */
async function hashFile(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  const file = await open(path);
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

/** The next files of a kind in order of their names, with sizes and times. */
async function list(root: string, { kind, after }: { kind: string; after: string | null }) {
  const folder = pathOf(root, `${kind}/x`).slice(0, -2);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    },
  );
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => after === null || name > after)
    .toSorted((a, b) => (a < b ? -1 : 1));
  const page = await Promise.all(
    names.slice(0, MAX_LISTED).map(async (name) => {
      const found = await stat(join(folder, name)).catch(() => null);
      return found === null ? null : { name, size: found.size, uploadedMs: found.mtimeMs };
    }),
  );
  return { objects: page.filter((each) => each !== null), isLast: names.length <= MAX_LISTED };
}

async function deleteFiles(root: string, { keys }: { readonly keys: readonly string[] }) {
  const folders = new Set<string>();
  for (const key of keys) {
    const path = pathOf(root, key);
    await rm(path, { force: true });
    if (key.startsWith("fills/")) folders.add(dirname(path));
  }
  // Of a fill nothing is left but its folder; one that is in use again is not empty.
  for (const folder of folders) await rmdir(folder).catch(() => undefined);
  return {};
}

function pathOf(root: string, key: string): string {
  if (!KEY.test(key)) throw new Error("no key of a file");
  return join(root, key);
}
