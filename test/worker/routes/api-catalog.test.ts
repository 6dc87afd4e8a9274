import { expect, test } from "vitest";
import { CatalogPage } from "../../../worker/contract/catalog.ts";
import { MemoryLedger } from "../../../worker/ledger/memory.ts";
import { parseNextLink } from "../../../worker/oci/link.ts";
import type { RepositoryName } from "../../../worker/oci/repository.ts";
import type { Tag } from "../../../worker/oci/tag.ts";
import { getCatalogEntries } from "../../../worker/routes/api.ts";
import { NOON, batch, pullOf } from "../../helpers/ledger-events.ts";

/** What an answer of a Durable Object may have. */
const MAX_BYTES = 32 * 1024 * 1024;

test("a thousand repositories of the most and longest tags come on several pages, each with its Link", async () => {
  const ledger = new MemoryLedger({ keepMs: NOON, now: () => NOON });
  const names = Array.from({ length: 1_001 }, (_, n) => `team/${10_000 + n}` as RepositoryName);
  for (const repository of names) {
    const tags = Array.from({ length: 200 }, (_, n) => `${n}-`.padEnd(128, "t") as Tag);
    const { upstream, digest } = pullOf({});
    const seen = tags.map((tag) => ({ upstream, repository, digest, tag, timeMs: NOON }));
    await ledger.record(batch({ tags: seen }));
  }
  const deps = {
    ledger,
    storage: async () => null,
    accounts: [],
    sources: [],
    warnShare: 0.2,
    now: () => NOON,
  };
  const walked: string[] = [];
  let path: string | null = "/api/catalog?n=1000";
  while (path !== null) {
    const response = await getCatalogEntries(deps, new Request(new URL(path, "http://mirror")));
    const text = await response.text();
    expect(text.length).toBeLessThan(MAX_BYTES);
    const { repositories } = CatalogPage.parse(JSON.parse(text));
    walked.push(...repositories.map(({ repository }) => repository));
    path = parseNextLink(response.headers.get("link") ?? "");
  }
  expect(walked).toEqual(names);
});
