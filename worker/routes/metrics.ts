import { hasRenewed } from "../oci/pull-limit.ts";
import type { LedgerSums, QuotaSeen } from "../ledger/ledger.ts";
import { AWAY_KINDS, LYING_SOURCE } from "../upstream/errors.ts";
import { VERSION } from "../version.ts";
import { type ApiDeps, type StorageUse, currentQuotas, warnBelow } from "./api.ts";

type Labels = Readonly<Record<string, string>>;

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: readonly {
    readonly labels?: Labels;
    readonly value: number;
  }[];
}

/**
 * `GET /metrics`: everything that is counted, of the whole mirror and not of one isolate.
 *
 * @see prometheus.io, "Exposition formats", text format 0.0.4, and "Metric and label naming"
 */
export async function getMetrics(deps: ApiDeps): Promise<Response> {
  const [sums, use] = await Promise.all([
    deps.ledger.sum({ sinceMs: 0, untilMs: 0 }),
    deps.storage(),
  ]);
  const metrics = [
    ...describePulls(sums),
    ...describeUpstream(sums, deps),
    ...describeStorage(use),
  ];
  const text = metrics.map(formatMetric).join("");
  const headers = {
    "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
    "Cache-Control": "no-store",
  };
  return new Response(text, { headers });
}

function describePulls({ ever, repositories, lost }: LedgerSums): Metric[] {
  return [
    {
      name: "tidepool_build_info",
      type: "gauge",
      help: "The mirror's version.",
      samples: [{ labels: { version: VERSION }, value: 1 }],
    },
    {
      name: "tidepool_pulls_total",
      type: "counter",
      help: "Manifests sent to clients, by where each came from: the store (hit, revalidated, stale) or its registry (miss).",
      samples: [
        byOutcome("hit", ever.hits),
        byOutcome("revalidated", ever.revalidated),
        byOutcome("stale", ever.stale),
        byOutcome("miss", ever.misses),
      ],
    },
    {
      name: "tidepool_blob_requests_total",
      type: "counter",
      help: "Layers and other blobs sent to clients, whole or in part, by where each came from.",
      samples: [byOutcome("hit", ever.blobHits), byOutcome("miss", ever.blobMisses)],
    },
    counter("tidepool_served_bytes_total", "Bytes sent to clients.", ever.bytesServed),
    counter(
      "tidepool_fetched_bytes_total",
      "Bytes of manifests and of whole blobs fetched from registries, without those of transfers that failed.",
      ever.bytesFetched,
    ),
    counter(
      "tidepool_lost_records_total",
      "Records of pulls and of other events that could not be written.",
      lost,
    ),
    {
      name: "tidepool_repositories",
      type: "gauge",
      help: "Repositories from which at least one image was pulled.",
      samples: [{ value: repositories }],
    },
  ];
}

function counter(name: string, help: string, value: number): Metric {
  return { name, type: "counter", help, samples: [{ value }] };
}

function gauge(name: string, help: string, value: number): Metric {
  return { name, type: "gauge", help, samples: [{ value }] };
}

function byOutcome(outcome: string, value: number): Metric["samples"][number] {
  return { labels: { outcome }, value };
}

function describeUpstream(sums: LedgerSums, deps: ApiDeps): Metric[] {
  const { upstreams } = sums;
  return [
    {
      name: "tidepool_upstream_pulls_total",
      type: "counter",
      help: "Pulls that this mirror made at the registry; where the registry has a limit, each counts against it.",
      samples: perUpstream(upstreams, deps),
    },
    {
      name: "tidepool_upstream_failures_total",
      type: "counter",
      help: "Requests of clients for which the registry failed, whether a stored image helped or not, and wrong bytes from sources.",
      samples: countFailures(upstreams, deps),
    },
    ...describeLimits(sums, deps),
  ];
}

function describeLimits(sums: LedgerSums, deps: ApiDeps): Metric[] {
  const told = currentQuotas(sums, deps);
  // What was left before the window passed would keep an alert on for ever.
  const valid = told.filter(({ quota }) => !hasRenewed(quota, deps.now()));
  type Told = (typeof told)[number];
  const metric = (
    [name, help]: readonly [string, string],
    seen: readonly Told[],
    read: (quota: QuotaSeen) => number,
  ): Metric => {
    const samples = seen.map(({ account, quota }) => ({
      labels: { ...account },
      value: read(quota),
    }));
    return { name: `tidepool_upstream_limit_${name}`, type: "gauge", help, samples };
  };
  return [
    metric(
      ["pulls", "How many pulls the registry allows in a window, as it last said."],
      told,
      ({ limit }) => limit,
    ),
    metric(
      [
        "remaining_pulls",
        "How many of these pulls are left, as the registry last said; absent once the window has passed.",
      ],
      valid,
      ({ remaining }) => remaining,
    ),
    metric(
      ["warning_pulls", "The mirror warns when fewer pulls than this are left."],
      valid,
      (quota) => warnBelow(quota, deps),
    ),
    metric(
      ["window_seconds", "The length of the window that the limit is for."],
      told,
      ({ windowSeconds }) => windowSeconds,
    ),
    metric(
      ["seen_timestamp_seconds", "When the registry last said how many pulls are left."],
      told,
      ({ seenAtMs }) => seenAtMs / 1000,
    ),
  ];
}

function perUpstream(
  seen: LedgerSums["upstreams"],
  { accounts }: Pick<ApiDeps, "accounts">,
): Metric["samples"] {
  const names = new Set([...accounts, ...seen].map(({ upstream }) => upstream));
  return [...names].map((upstream) => ({
    labels: { upstream },
    value: seen.find((one) => one.upstream === upstream)?.ever.counted ?? 0,
  }));
}

/** From 0 on, for all that can be: a rise from nothing to 1 is none to `increase()` where the series begins with 1. */
function countFailures(
  seen: LedgerSums["upstreams"],
  { accounts, sources }: Pick<ApiDeps, "accounts" | "sources">,
): Metric["samples"] {
  const counts = new Map<string, { readonly labels: Labels; readonly value: number }>();
  const add = (upstream: string, kind: string, value: number): void => {
    counts.set(`${upstream} ${kind}`, { labels: { upstream, kind }, value });
  };
  for (const { upstream } of accounts) for (const kind of AWAY_KINDS) add(upstream, kind, 0);
  for (const source of sources) add(source, LYING_SOURCE, 0);
  for (const { upstream, failures } of seen)
    for (const { kind, count } of failures) add(upstream, kind, count);
  return [...counts.values()];
}

function describeStorage(use: StorageUse | null): Metric[] {
  if (use === null) return [];
  const { usedBytes, limitBytes, manifests, blobs, evictedBytes } = use;
  return [
    gauge("tidepool_stored_bytes", "Bytes of manifests, tags and blobs in the store.", usedBytes),
    gauge("tidepool_stored_manifests", "Manifests in the store.", manifests),
    gauge("tidepool_stored_blobs", "Blobs in the store.", blobs),
    ...(limitBytes === null
      ? []
      : [gauge("tidepool_storage_limit_bytes", "Bytes that the store may hold.", limitBytes)]),
    counter(
      "tidepool_evicted_bytes_total",
      "Bytes that were deleted from the store to make room, or since nobody pulled them any more.",
      evictedBytes,
    ),
  ];
}

function formatMetric({ name, type, help, samples }: Metric): string {
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
