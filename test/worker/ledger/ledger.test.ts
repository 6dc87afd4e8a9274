import { MemoryLedger } from "../../../worker/ledger/memory.ts";
import { SqlLedger } from "../../../worker/ledger/sql.ts";
import { describeLedger } from "../../conformance/ledger.ts";
import { openSqlite } from "../../helpers/sqlite.ts";

describeLedger("memory", (options) => new MemoryLedger(options));

describeLedger("SQLite", (options) => new SqlLedger({ ...options, ...openSqlite() }));
