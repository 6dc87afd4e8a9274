import type { PackedPull } from "./batch.ts";
import type { LedgerBatch } from "./ledger.ts";
import { HOUR_MS } from "./sums.ts";
import type { UpstreamSums } from "./upstreams.ts";

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Sums by hour and registry: a limit is one registry's, and the mirror's own sums are of all. */
export class UpstreamHours {
  readonly #hours = new Map<
    string,
    { startMs: number; upstream: string } & Mutable<UpstreamSums>
  >();

  /** @param sums - of one hour that begins at `startMs` */
  add(startMs: number, upstream: string, sums: UpstreamSums): void {
    const name = `${startMs} ${upstream}`;
    const row = this.#hours.get(name) ?? { startMs, upstream, ...NO_SUMS };
    row.pulls += sums.pulls;
    row.misses += sums.misses;
    row.counted += sums.counted;
    this.#hours.set(name, row);
  }

  list(): readonly ({ readonly startMs: number; readonly upstream: string } & UpstreamSums)[] {
    return [...this.#hours.values()];
  }

  /** Sums one registry's over a span, `untilMs` exclusive. */
  sum(
    upstream: string,
    span: { readonly sinceMs: number; readonly untilMs: number },
  ): UpstreamSums {
    const total: Mutable<UpstreamSums> = { ...NO_SUMS };
    for (const hour of this.#hours.values()) {
      if (hour.upstream !== upstream) continue;
      if (hour.startMs < span.sinceMs || hour.startMs >= span.untilMs) continue;
      total.pulls += hour.pulls;
      total.misses += hour.misses;
      total.counted += hour.counted;
    }
    return total;
  }
}

const NO_SUMS: UpstreamSums = { pulls: 0, misses: 0, counted: 0 };

/** Adds a batch's pulls, and what was counted without one, by the hours they fall in. */
export function addUpstreamHours(
  into: UpstreamHours,
  batch: LedgerBatch,
  pulls: readonly PackedPull[],
): void {
  for (const { timeMs, manifest, outcome, counted } of pulls) {
    const upstream = batch.manifests[manifest]?.upstream;
    if (upstream === undefined) continue;
    const sums = { pulls: 1, misses: outcome === "miss" ? 1 : 0, counted: counted ? 1 : 0 };
    into.add(Math.floor(timeMs / HOUR_MS) * HOUR_MS, upstream, sums);
  }
  for (const { timeMs, upstream, counted } of batch.fetched)
    if (counted)
      into.add(Math.floor(timeMs / HOUR_MS) * HOUR_MS, upstream, { ...NO_SUMS, counted: 1 });
}
