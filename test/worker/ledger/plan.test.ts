import { expect, test } from "vitest";
import { SqlLedger } from "../../../worker/ledger/sql.ts";
import type { Sql } from "../../../worker/ledger/sql-schema.ts";
import type { RepositoryName } from "../../../worker/oci/repository.ts";
import { NOON, batch, digestOf, everything, pullOf } from "../../helpers/ledger-events.ts";
import { openSqlite } from "../../helpers/sqlite.ts";

const KEEP_MS = 24 * 3_600_000;

test("every page of the log comes in the order of an index, whatever is asked for", async () => {
  const { sql, transaction } = openSqlite();
  const plans: string[] = [];
  const explained: Sql = {
    exec(query, ...bindings) {
      if (query.includes("FROM pull"))
        for (const { detail } of sql.exec(`EXPLAIN QUERY PLAN ${query}`, ...bindings).toArray())
          plans.push(String(detail));
      return sql.exec(query, ...bindings);
    },
  };
  const ledger = new SqlLedger({ sql: explained, transaction, keepMs: KEEP_MS, now: () => NOON });
  const names = ["team/a", "team/b"].map((text) => text as RepositoryName);
  await ledger.record(batch({ pulls: names.map((repository) => pullOf({ repository })) }));
  const repository = { upstream: "docker.io", repository: names[0]! };
  for (const digest of [null, digestOf(1)])
    for (const of of [null, repository])
      for (const newest of [true, false]) {
        plans.length = 0;
        const { pulls } = await ledger.listPulls({ ...everything, digest, repository: of, newest });
        expect(pulls).toHaveLength(of === null ? 2 : 1);
        const reads = plans.filter((detail) => /^(SCAN|SEARCH) p\b/.test(detail));
        expect(reads).not.toEqual([]);
        // The page's own rows are put in order again, but never those that it is chosen from.
        const chosen = plans.slice(
          0,
          plans.findIndex((detail) => /^SCAN p\b/.test(detail)),
        );
        expect(chosen.filter((detail) => detail.includes("TEMP B-TREE"))).toEqual([]);
      }
});
