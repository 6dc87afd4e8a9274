import { describeManifest } from "../inventory/describe.ts";
import {
  objectKey,
  parseBlobName,
  parseManifestName,
  parseCatalogName,
  parseTagName,
} from "../store/keys.ts";
import type { ListedObject } from "../store/store.ts";
import type { Budget } from "./budget.ts";
import { DAILY_MS, ORPHAN_MS, SETTLE_MS, type UpkeepDeps } from "./deps.ts";

/*
 * Lists the whole store once a day and compares it with the inventory: what only the store has is taken in, what only
 * the inventory has is forgotten, chunks of dead fills go. 5 M objects are 5,000 lists, $0.02.
 *
 * Manifests and tags come first: until all of them are known once, no blob can be said to be named by nothing.
 */
const KINDS = ["manifests", "tags", "catalog", "blobs", "fills"] as const;
type Kind = (typeof KINDS)[number];

interface Cursor {
  readonly kind: Kind;
  readonly after: string | null;
}

/** Whether every manifest in the store is known: without that nothing may be evicted. */
export function isComplete({ upkeep }: Pick<UpkeepDeps, "upkeep">): boolean {
  return upkeep.read("complete") !== null;
}

/**
 * Goes on with the sweep that is under way, or begins one if it is due.
 *
 * @returns whether there is more to do
 */
export async function sweep(deps: UpkeepDeps, budget: Budget): Promise<boolean> {
  const { upkeep, now } = deps;
  let cursor = readCursor(deps);
  if (cursor === null) {
    if (now() - Number(upkeep.read("swept") ?? 0) < DAILY_MS) return false;
    cursor = { kind: KINDS[0], after: null };
  }
  while (cursor !== null) {
    if (!budget.take()) return true;
    const next = await sweepPage(deps, budget, cursor);
    if (next === "again") return true;
    cursor = next;
    upkeep.write("sweep", cursor === null ? null : JSON.stringify(cursor));
    // Past the tags everything that names something is known.
    if (cursor?.kind === "catalog") upkeep.write("complete", "1");
  }
  upkeep.write("swept", String(now()));
  return false;
}

function readCursor({ upkeep }: UpkeepDeps): Cursor | null {
  const text = upkeep.read("sweep");
  return text === null ? null : (JSON.parse(text) as Cursor);
}

/** @returns where the next page begins; `again` where the budget did not last for this one */
async function sweepPage(
  deps: UpkeepDeps,
  budget: Budget,
  { kind, after }: Cursor,
): Promise<Cursor | null | "again"> {
  const { store, upkeep, now } = deps;
  // Before the list: what is written while it is made may be missing from it.
  const writtenBeforeMs = now() - SETTLE_MS;
  const { objects, isLast } = await store.listObjects(kind, after);
  let upTo: string | null = null;
  if (kind === "catalog") await dropRepositories(deps, objects);
  else if (kind === "fills") await dropChunks(deps, objects);
  else {
    const page = { kind, after, objects, isLast, writtenBeforeMs };
    const comparison = upkeep.compare(page);
    ({ upTo } = comparison);
    for (const object of comparison.unknown)
      if (!(await TAKE_IN[kind](deps, budget, object))) return "again";
  }
  if (upTo !== null) return { kind, after: upTo };
  if (!isLast) return { kind, after: objects.at(-1)?.name ?? after };
  const nextKind = KINDS[KINDS.indexOf(kind) + 1];
  return nextKind === undefined ? null : { kind: nextKind, after: null };
}

/** How an object that was not known is taken in; `false` where the budget does not allow it. */
const TAKE_IN = {
  async manifests(deps: UpkeepDeps, budget: Budget, { name }: ListedObject): Promise<boolean> {
    const parsed = parseManifestName(name);
    if (parsed === null) return true;
    if (!budget.take()) return false;
    const manifest = await deps.store.getManifest(parsed.key, parsed.digest);
    // Counts as used now: when it really was is not known, and it must not be the first to go for that.
    if (manifest !== null) await deps.inventory.addManifest(parsed.key, describeManifest(manifest));
    return true;
  },
  async tags(deps: UpkeepDeps, budget: Budget, object: ListedObject): Promise<boolean> {
    const parsed = parseTagName(object.name);
    if (parsed === null || object.digest === null) return true;
    const { key, tag } = parsed;
    const { digest, size } = object;
    const isKnown = await deps.inventory.addTag(key, { tag, digest, heldBytes: size });
    if (isKnown || size === 0) return true;
    if (!budget.take()) return false;
    // Its bytes are served as the manifest that they are.
    const stored = await deps.store.getTag(key, tag);
    if (stored?.bytes)
      await deps.inventory.addManifest(key, describeManifest({ ...stored, bytes: stored.bytes }));
    return true;
  },
  async blobs({ upkeep }: UpkeepDeps, _budget: Budget, object: ListedObject): Promise<boolean> {
    const digest = parseBlobName(object.name);
    const { size, uploadedMs } = object;
    if (digest !== null) upkeep.foundBlob(digest, { size, storedMs: uploadedMs });
    return true;
  },
};

/** Entries of repositories of which nothing is stored. */
async function dropRepositories(deps: UpkeepDeps, objects: readonly ListedObject[]): Promise<void> {
  const { store, upkeep, now, exclusively } = deps;
  const oldest = now() - ORPHAN_MS;
  await exclusively(async () => {
    const empty = objects.filter(({ name, uploadedMs }) => {
      const key = parseCatalogName(name);
      return key !== null && uploadedMs < oldest && !upkeep.hasManifests(key);
    });
    await store.deleteObjects(empty.map(({ name }) => objectKey("catalog", name)));
  });
}

/** A fill that is a day old is dead: its own alarm would have ended it within minutes. */
async function dropChunks(
  { store, now }: UpkeepDeps,
  objects: readonly ListedObject[],
): Promise<void> {
  const dead = objects.filter(({ uploadedMs }) => uploadedMs < now() - ORPHAN_MS);
  await store.deleteObjects(dead.map(({ name }) => objectKey("fills", name)));
}
