import { expect, test } from "vitest";
import { SqlLedger } from "../../../worker/ledger/sql.ts";
import type { RepositoryName } from "../../../worker/oci/repository.ts";
import type { Tag } from "../../../worker/oci/tag.ts";
import { NOON, batch, digestOf, namesOf, pullOf } from "../../helpers/ledger-events.ts";
import { openSqlite } from "../../helpers/sqlite.ts";

const DAY = 24 * 3_600_000;
const KEEP_MS = 30 * DAY;
/** More than go in one step. */
const PULLS = 2_500;

test("what is too old goes in steps where no batch comes, and leaves what is counted", async () => {
  const sqlite = openSqlite();
  let now = NOON;
  const ledger = new SqlLedger({ ...sqlite, keepMs: KEEP_MS, now: () => now });
  const count = (table: string): unknown =>
    sqlite.sql.exec(`SELECT count(*) AS n FROM ${table}`).toArray()[0]?.["n"];
  const events = Array.from({ length: PULLS }, (_, n) => {
    const repository = `team/app-${n}` as RepositoryName;
    const client = { address: String(n), userAgent: "docker", token: "" };
    const tag = `1.${n}` as Tag;
    return pullOf({ timeMs: NOON + n, repository, digest: digestOf(n), tag, client });
  });
  const manifests = events.map(({ repository, digest }) => {
    return namesOf({ repository, digest, blobs: [{ digest: digestOf(1), size: 7 }] });
  });
  const tags = events.map((event) => ({ ...event, tag: "latest" as Tag }));
  await ledger.record(batch({ pulls: events, manifests, tags }));
  while (!ledger.dropOld());
  const tables = ["pull", "manifest", "content", "tag", "client"];
  expect(tables.map(count)).toEqual([PULLS, PULLS, 2 * PULLS - 1, 2 * PULLS, PULLS]);

  now = NOON + KEEP_MS + PULLS + 2 * DAY;
  let steps = 0;
  while (!ledger.dropOld()) steps += 1;
  expect(steps).toBeGreaterThan(2);
  expect(steps).toBeLessThan(20);
  expect(tables.map(count)).toEqual([0, 0, 0, 0, 0]);
  const { ever, repositories } = await ledger.sum({ sinceMs: 0, untilMs: 0 });
  expect([ever.pulls, repositories]).toEqual([PULLS, PULLS]);
});
