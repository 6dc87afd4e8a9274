import type * as z from "zod";
import type { CatalogEntry, CatalogPage, CatalogSnapshot } from "../contract/catalog.ts";
import type { RepositoryId } from "../ledger/ledger.ts";
import { objectKey, parseSnapshotDay, snapshotEndName, snapshotPageName } from "../store/keys.ts";
import type { Budget } from "./budget.ts";
import type { UpkeepDeps } from "./deps.ts";

/** Repositories on a page: usually 100 kB of JSON; the ledger ends one early that would have many tags. */
const PAGE = 200;
const DAY_MS = 24 * 3_600_000;
/** Older snapshots are deleted. */
const KEEP_MS = 30 * DAY_MS;

interface Cursor {
  readonly day: string;
  readonly takenAtMs: number;
  readonly pages: number;
  readonly repositories: number;
  readonly after: RepositoryId | null;
}

/** Has the next step begin the day's snapshot, if there is none yet. */
export function wantSnapshot({ upkeep, now }: Pick<UpkeepDeps, "upkeep" | "now">): void {
  upkeep.write("snapshot wanted", formatDay(now()));
}

/**
 * Goes on with the day's snapshot of the catalog, or begins it if it is wanted.
 *
 * @returns whether there is more to do
 */
export async function takeSnapshot(deps: UpkeepDeps, budget: Budget): Promise<boolean> {
  const { upkeep, store, ledger } = deps;
  let cursor = readCursor(deps);
  if (cursor === null) return false;
  for (;;) {
    if (!budget.take() || !budget.take()) return true;
    const { day, after } = cursor;
    const found = await ledger().listCatalog({ after, limit: PAGE });
    const repositories = found.map((row): CatalogEntry => ({ ...row, tags: [...row.tags] }));
    const page: z.infer<typeof CatalogPage> = { repositories };
    const last = found.at(-1);
    if (last === undefined) break;
    await store.putSnapshot(snapshotPageName(day, cursor.pages), JSON.stringify(page));
    const { upstream, repository } = last;
    cursor = {
      ...cursor,
      pages: cursor.pages + 1,
      repositories: cursor.repositories + found.length,
      after: { upstream, repository },
    };
    upkeep.write("snapshot", JSON.stringify(cursor));
  }
  const { day, takenAtMs, pages, repositories } = cursor;
  const end: z.infer<typeof CatalogSnapshot> = { takenAtMs, pages, repositories };
  await store.putSnapshot(snapshotEndName(day), JSON.stringify(end));
  await dropOld(deps, takenAtMs);
  upkeep.write("snapshot", null);
  upkeep.write("snapshot day", day);
  return false;
}

function readCursor({ upkeep, now }: UpkeepDeps): Cursor | null {
  const takenAtMs = now();
  const day = formatDay(takenAtMs);
  const text = upkeep.read("snapshot");
  const begun = text === null ? null : (JSON.parse(text) as Cursor);
  // One that was not finished on its day is never complete, and goes with the old ones.
  if (begun?.day === day) return begun;
  const isWanted = upkeep.read("snapshot wanted") === day;
  if (!isWanted || upkeep.read("snapshot day") === day) return null;
  return { day, takenAtMs, pages: 0, repositories: 0, after: null };
}

async function dropOld({ store }: UpkeepDeps, now: number): Promise<void> {
  const first = formatDay(now - KEEP_MS);
  // In order of days: a page of a thousand holds the oldest, and tomorrow's the next.
  const { objects } = await store.listObjects("snapshots", null);
  const old = objects.filter(({ name }) => (parseSnapshotDay(name) ?? first) < first);
  await store.deleteObjects(old.map(({ name }) => objectKey("snapshots", name)));
}

function formatDay(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
