import { DatabaseSync } from "node:sqlite";
import { MemoryLedger } from "../../../worker/ledger/memory.ts";
import { SqlLedger } from "../../../worker/ledger/sql.ts";
import { describeLedger } from "../../conformance/ledger.ts";

describeLedger("memory", (options) => new MemoryLedger(options));

describeLedger("SQLite", (options) => {
  const database = new DatabaseSync(":memory:");
  return new SqlLedger({
    ...options,
    sql: {
      exec: (query, ...bindings) => {
        const rows = database.prepare(query).all(...bindings);
        return { toArray: () => rows.map((row) => ({ ...row })) };
      },
    },
    transaction(work) {
      database.exec("BEGIN");
      work();
      database.exec("COMMIT");
    },
  });
});
