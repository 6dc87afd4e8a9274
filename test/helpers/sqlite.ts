import { DatabaseSync } from "node:sqlite";
import type { Sql } from "../../worker/ledger/sql-schema.ts";

/** A Durable Object's SQLite refuses longer values. */
const MAX_BYTES = 2_000_000;

/** An empty SQLite in memory, as the adapters' ports want one. */
export function openSqlite(): {
  readonly sql: Sql;
  readonly transaction: (work: () => void) => void;
} {
  const database = new DatabaseSync(":memory:");
  return {
    sql: {
      exec: (query, ...bindings) => {
        for (const value of bindings)
          if (typeof value === "string" && Buffer.byteLength(value) > MAX_BYTES)
            throw new Error("string or blob too big");
        const rows = database.prepare(query).all(...bindings);
        return { toArray: () => rows.map((row) => ({ ...row })) };
      },
    },
    transaction(work) {
      database.exec("BEGIN");
      try {
        work();
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
      database.exec("COMMIT");
    },
  };
}
