import type { PackedPull } from "./batch.ts";
import type { LedgerBatch, Sums } from "./ledger.ts";

/** The finest step that is kept. */
export const HOUR_MS: number = 3_600_000;

/** Names of the sums, in the order of the SQL table's columns. */
export const SUM_NAMES: readonly (keyof Sums)[] = [
  "pulls",
  "hits",
  "revalidated",
  "stale",
  "misses",
  "bytesServed",
  "bytesFetched",
  "upstreamPulls",
  "blobHits",
  "blobMisses",
];

const OUTCOMES = {
  hit: "hits",
  revalidated: "revalidated",
  stale: "stale",
  miss: "misses",
} as const;

/** All zero. */
export function noSums(): Record<keyof Sums, number> {
  return {
    pulls: 0,
    hits: 0,
    revalidated: 0,
    stale: 0,
    misses: 0,
    bytesServed: 0,
    bytesFetched: 0,
    upstreamPulls: 0,
    blobHits: 0,
    blobMisses: 0,
  };
}

/** Adds `more` to `into`. */
export function addSums(into: Record<keyof Sums, number>, more: Sums): void {
  for (const name of SUM_NAMES) into[name] += more[name];
}

/**
 * Sums a batch by the hours its events fall in.
 *
 * @param pulls - the batch's own, unpacked
 */
export function sumByHour(
  batch: LedgerBatch,
  pulls: readonly PackedPull[],
): Map<number, Record<keyof Sums, number>> {
  const hours = new Map<number, Record<keyof Sums, number>>();
  const at = (timeMs: number): Record<keyof Sums, number> => {
    const startMs = Math.floor(timeMs / HOUR_MS) * HOUR_MS;
    const known = hours.get(startMs) ?? noSums();
    hours.set(startMs, known);
    return known;
  };
  for (const { timeMs, manifest, outcome, counted } of pulls) {
    const size = batch.manifests[manifest]?.size ?? 0;
    const sums = at(timeMs);
    sums.pulls += 1;
    sums[OUTCOMES[outcome]] += 1;
    sums.bytesServed += size;
    if (!counted) continue;
    sums.upstreamPulls += 1;
    sums.bytesFetched += size;
  }
  for (const { timeMs, hits, misses, bytes } of batch.blobs) {
    const sums = at(timeMs);
    sums.blobHits += hits;
    sums.blobMisses += misses;
    sums.bytesServed += bytes;
  }
  for (const { timeMs, bytes, counted } of batch.fetched) {
    const sums = at(timeMs);
    sums.bytesFetched += bytes;
    if (counted) sums.upstreamPulls += 1;
  }
  return hours;
}
