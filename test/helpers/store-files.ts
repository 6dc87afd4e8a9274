import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Where Miniflare keeps the bucket's index and each Durable Object's SQLite, below the mirror's data. */
const BUCKET = "r2/miniflare-R2BucketObject";
const INVENTORY = "do/tidepool-InventoryObject";

/** Reads every key in the bucket, with its size, from the file that Miniflare keeps. */
export function readBucket(data: string): Map<string, number> {
  const rows = query(data, BUCKET, "SELECT key, size FROM _mf_objects ORDER BY key");
  return new Map(rows.map(({ key, size }) => [String(key), Number(size)]));
}

/** Asks the inventory's own SQLite. */
export function queryInventory(data: string, sql: string): Record<string, unknown>[] {
  return query(data, INVENTORY, sql);
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
  const name = readdirSync(join(data, folder)).find((file) => /^[0-9a-f]{64}\.sqlite$/.test(file));
  return name === undefined ? null : join(data, folder, name);
}
