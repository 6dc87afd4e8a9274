/**
 * How the registries have been answering: what is kept of each, and when its trouble is over.
 *
 * @module
 */

/** Failures of one kind. */
export interface FailureSum {
  /** An upstream failure's. */
  readonly kind: string;
  readonly count: number;
  /** The first since it was last well. */
  readonly sinceMs: number;
  readonly lastMs: number;
}

/** How one registry has answered; times are milliseconds since the epoch, 0 for never. */
export interface UpstreamAnswers {
  readonly upstream: string;
  /** When it last answered as a registry should. */
  readonly answeredMs: number;
  /** When an answer last left room for a pull: a registry over its limit goes on to answer HEADs well. */
  readonly allowedMs: number;
  readonly failures: readonly FailureSum[];
}

/** What came through one registry. */
export interface UpstreamSums {
  readonly pulls: number;
  readonly misses: number;
  /** Pulls that the registry counted, where it counts any. */
  readonly counted: number;
}

/** All that is known of a registry. */
export interface UpstreamRow extends UpstreamAnswers {
  /** Of the span that was asked for. */
  readonly span: UpstreamSums;
  readonly ever: UpstreamSums;
}

/** The kind that a good answer alone does not end. */
export const LIMIT_KIND = "rate-limited";

/** When failures of a kind were last seen to be over. */
export function wellSinceMs(
  kind: string,
  { answeredMs, allowedMs }: Pick<UpstreamAnswers, "answeredMs" | "allowedMs">,
): number {
  return kind === LIMIT_KIND ? allowedMs : answeredMs;
}

interface Row {
  answeredMs: number;
  allowedMs: number;
  readonly failures: Map<string, FailureSum>;
}

/** Adds up answers and failures, for one isolate's batch or for all of them. */
export class UpstreamTally {
  readonly #rows = new Map<string, Row>();

  get empty(): boolean {
    return this.#rows.size === 0;
  }

  /** Adds what was seen after, or beside, what is known. */
  add({ upstream, answeredMs, allowedMs, failures }: UpstreamAnswers): void {
    const row = this.#rows.get(upstream) ?? { answeredMs: 0, allowedMs: 0, failures: new Map() };
    this.#rows.set(upstream, row);
    row.answeredMs = Math.max(row.answeredMs, answeredMs);
    row.allowedMs = Math.max(row.allowedMs, allowedMs);
    for (const failure of failures) {
      const { kind, count, sinceMs, lastMs } = failure;
      const known: FailureSum = row.failures.get(kind) ?? { ...failure, count: 0 };
      row.failures.set(kind, {
        kind,
        count: known.count + count,
        sinceMs: known.lastMs > wellSinceMs(kind, row) ? known.sinceMs : sinceMs,
        lastMs: Math.max(known.lastMs, lastMs),
      });
    }
  }

  list(): UpstreamAnswers[] {
    return [...this.#rows]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([upstream, { answeredMs, allowedMs, failures }]) => ({
        upstream,
        answeredMs,
        allowedMs,
        failures: [...failures.values()].toSorted((a, b) => (a.kind < b.kind ? -1 : 1)),
      }));
  }
}
