import type { Stats } from "../contract/stats.ts";
import type { Account } from "../ledger/credential.ts";
import type { LedgerSums } from "../ledger/ledger.ts";
import { type UpstreamAnswers, wellSinceMs } from "../ledger/upstreams.ts";

type UpstreamStats = NonNullable<Stats["upstreams"]>[number];

/** Tells of every registry that is mirrored now how it has been answering. */
export function describeUpstreams(
  { upstreams }: Pick<LedgerSums, "upstreams">,
  accounts: readonly Account[],
): UpstreamStats[] {
  return accounts.map(({ upstream }) => {
    const seen = upstreams.find((one) => one.upstream === upstream);
    const { answeredMs, failures } = seen ?? { answeredMs: 0, failures: [] };
    const { pulls, misses, counted } = seen?.span ?? { pulls: 0, misses: 0, counted: 0 };
    return {
      upstream,
      pulls,
      misses,
      upstreamPulls: counted,
      answeredAtMs: answeredMs === 0 ? null : answeredMs,
      failure: seen === undefined ? null : findTrouble(seen),
      failures: failures.map(({ kind, count, lastMs }) => ({ kind, count, lastMs })),
    };
  });
}

/** What it fails by now: the newest kind of those that no good answer has followed. */
function findTrouble(seen: UpstreamAnswers): UpstreamStats["failure"] {
  const open = seen.failures.filter(({ kind, lastMs }) => lastMs > wellSinceMs(kind, seen));
  const [newest] = open.toSorted((a, b) => b.lastMs - a.lastMs);
  if (newest === undefined) return null;
  const { kind, lastMs } = newest;
  return { kind, sinceMs: Math.min(...open.map(({ sinceMs }) => sinceMs)), lastMs };
}
