import { DatabaseSync } from "node:sqlite";
import type { Sql } from "../../worker/ledger/sql-schema.ts";

/** An empty SQLite in memory, as the adapters' ports want one. */
export function openSqlite(): {
  readonly sql: Sql;
  readonly transaction: (work: () => void) => void;
} {
  const database = new DatabaseSync(":memory:");
  return {
    sql: {
      exec: (query, ...bindings) => {
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
