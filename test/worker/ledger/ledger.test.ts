import { MemoryLedger } from "../../../worker/ledger/memory.ts";
import { SqlLedger } from "../../../worker/ledger/sql.ts";
import { describeLedger } from "../../conformance/ledger.ts";
import { describeLedgerOfUpstreams } from "../../conformance/ledger-upstreams.ts";
import { describeProbes } from "../../conformance/ledger-probes.ts";
import { NOON } from "../../helpers/ledger-events.ts";
import { openSqlite } from "../../helpers/sqlite.ts";

describeLedger("memory", (options) => new MemoryLedger(options));

describeLedger("SQLite", (options) => new SqlLedger({ ...options, ...openSqlite() }));

const options = { keepMs: 24 * 3_600_000, now: () => NOON };

describeProbes("memory", () => new MemoryLedger(options));

describeProbes("SQLite", () => new SqlLedger({ ...options, ...openSqlite() }));

describeLedgerOfUpstreams("memory", () => new MemoryLedger(options));

describeLedgerOfUpstreams("SQLite", () => new SqlLedger({ ...options, ...openSqlite() }));
