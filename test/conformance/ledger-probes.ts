import { expect, test } from "vitest";
import type { Ledger } from "../../worker/ledger/ledger.ts";
import type { RepositoryName } from "../../worker/oci/repository.ts";
import {
  NOON,
  batch,
  blobOf,
  clientOf,
  digestOf,
  everything,
  fetchedOf,
  pullOf,
} from "../helpers/ledger-events.ts";

const doctor = clientOf("tidepool-doctor");

/** What each adapter must make of pulls that only look whether the mirror works. */
export function describeProbes(name: string, create: () => Ledger): void {
  test(`the doctor's pulls are in the log in ${name}, and in no sum and no count`, async () => {
    const ledger = create();
    const looked = "team/looked-at" as RepositoryName;
    const real = { counted: true, outcome: "miss" as const };
    await ledger.record(
      batch({
        pulls: [
          pullOf({ ...real }),
          pullOf({ timeMs: NOON + 1, outcome: "hit", client: doctor }),
          pullOf({
            timeMs: NOON + 2,
            ...real,
            repository: looked,
            digest: digestOf(2),
            client: doctor,
          }),
        ],
        blobs: [
          blobOf({ client: doctor, hits: 1, bytes: 100 }),
          blobOf({ client: clientOf("docker/29"), misses: 1, bytes: 7 }),
        ],
        fetched: [fetchedOf({ bytes: 7 })],
      }),
    );
    const { pulls } = await ledger.listPulls(everything);
    expect(pulls.map(({ client }) => client.userAgent)).toEqual([
      "docker/29",
      doctor.userAgent,
      doctor.userAgent,
    ]);
    const { ever, hours, upstreams, repositories } = await ledger.sum({
      sinceMs: NOON,
      untilMs: NOON + 1,
    });
    expect(ever).toMatchObject({
      pulls: 1,
      hits: 0,
      misses: 1,
      upstreamPulls: 1,
      blobHits: 0,
      blobMisses: 1,
      bytesServed: 507,
      bytesFetched: 507,
    });
    expect(hours).toEqual([{ startMs: NOON, ...ever }]);
    expect(upstreams).toMatchObject([{ span: { pulls: 1, misses: 1, counted: 1 } }]);
    expect(repositories).toBe(1);
    const rows = await ledger.listCatalog({ after: null, limit: 10 });
    expect(rows).toMatchObject([
      { repository: "library/alpine", hits: 0, misses: 1, lastPullMs: NOON },
      { repository: looked, hits: 0, misses: 0, firstPullMs: null, lastPullMs: null },
    ]);
  });

  test(`the first real pull of what the doctor asked for counts as the first in ${name}`, async () => {
    const ledger = create();
    await ledger.record(batch({ pulls: [pullOf({ client: doctor })] }));
    await ledger.record(batch({ pulls: [pullOf({ timeMs: NOON + 5, outcome: "hit" })] }));
    const { repositories, ever } = await ledger.sum({ sinceMs: 0, untilMs: 0 });
    expect([repositories, ever.pulls]).toEqual([1, 1]);
    expect(await ledger.listCatalog({ after: null, limit: 1 })).toMatchObject([
      { hits: 1, misses: 0, firstPullMs: NOON + 5, lastPullMs: NOON + 5 },
    ]);
  });
}
