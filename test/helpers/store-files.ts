import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Where Miniflare keeps the bucket's index and each Durable Object's SQLite, below the mirror's data. */
const BUCKET = "r2/miniflare-R2BucketObject";
const INVENTORY = "do/tidepool-InventoryObject";
const LEDGER = "do/tidepool-LedgerObject";
const FILLS = "do/tidepool-BlobFillObject";
const OBJECT_FILE = /^[0-9a-f]{64}\.sqlite$/;
const NS_PER_MS = 1_000_000n;

/** Reads every key in the bucket, with its size, from the file that Miniflare keeps, and the keys that are files. */
export function readBucket(data: string): Map<string, number> {
  const rows = query(data, BUCKET, "SELECT key, size FROM _mf_objects");
  const keys = rows.map(({ key, size }): [string, number] => [String(key), Number(size)]);
  return new Map(
    [...keys, ...readFiles(join(data, "files"))].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function readFiles(root: string): [string, number][] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path.slice(root.length + 1), statSync(path).size]);
}

/** Asks the inventory's own SQLite. */
export function queryInventory(data: string, sql: string): Record<string, unknown>[] {
  return query(data, INVENTORY, sql);
}

/** Changes the ledger's own SQLite; to be called while the mirror is down. */
export function changeLedger(data: string, sql: string): void {
  const file = objectFile(data, LEDGER);
  if (file !== null) execute(file, sql);
}

/** Asks the ledger's own SQLite. */
export function queryLedger(data: string, sql: string): Record<string, unknown>[] {
  return query(data, LEDGER, sql);
}

/** The inventory's file: its name follows from the object's, so it is the same in every mirror's data. */
export function inventoryFile(data: string): string | null {
  return objectFile(data, INVENTORY);
}

function query(data: string, folder: string, sql: string): Record<string, unknown>[] {
  const file = objectFile(data, folder);
  if (file === null) return [];
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

function objectFile(data: string, folder: string): string | null {
  const name = readdirSync(join(data, folder)).find((file) => OBJECT_FILE.test(file));
  return name === undefined ? null : join(data, folder, name);
}

/** When the alarms of blob fills are due, in milliseconds since the epoch. */
export function readFillAlarms(data: string): number[] {
  const database = new DatabaseSync(join(data, FILLS, "metadata.sqlite"), { readOnly: true });
  try {
    const query = database.prepare("SELECT scheduled_time AS due FROM _cf_ALARM");
    query.setReadBigInts(true);
    return query.all().map(({ due }) => Number((due as bigint) / NS_PER_MS));
  } finally {
    database.close();
  }
}

/**
 * Has the alarms of blob fills due at once when the mirror is started again, as if the time had passed; to be called
 * while it is down. workerd keeps them in two places, and goes by the object's own.
 */
export function expireFillAlarms(data: string): void {
  const folder = join(data, FILLS);
  const due = BigInt(Date.now() - 1000) * NS_PER_MS;
  execute(join(folder, "metadata.sqlite"), `UPDATE _cf_ALARM SET scheduled_time = ${due}`);
  for (const file of readdirSync(folder))
    if (OBJECT_FILE.test(file))
      execute(join(folder, file), `UPDATE _cf_METADATA SET value = ${due} WHERE key = 1`);
}

function execute(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  try {
    database.exec(sql);
  } finally {
    database.close();
  }
}
