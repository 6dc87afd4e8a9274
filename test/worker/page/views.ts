import type { PullCounts, Stats } from "../../../worker/contract/stats.ts";
import { parseDigest } from "../../../worker/oci/digest.ts";
import { type RepositoryName, parseRepository } from "../../../worker/oci/repository.ts";
import { type Tag, parseTag } from "../../../worker/oci/tag.ts";
import { parseAddress } from "../../../worker/page/address.ts";
import type { Activity, LatestPull, StatusView, TopImage } from "../../../worker/page/status.ts";

/** A Monday's morning. */
export const NOW = Date.UTC(2026, 10, 23, 9, 30);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Text that tries to be markup, to end an attribute, to break a line or to fill the screen. */
export const HOSTILE = [
  "<script>document.title = 'broken'</script>",
  '"><img src=x onerror="document.title=1">',
  "' autofocus onfocus='document.title=1",
  "</style></title></table><h1>gone</h1>",
  "line\r\nSet-Cookie: a=b\r\n\r\n<b>body</b>",
  "\u0000\u0007\u001B[31mred\u009F",
  "\u202Egnp.exe\u2066",
  "&lt;b&gt; &amp;amp; ${7*7} {{7*7}}",
  "W".repeat(10_240),
  "<b>".repeat(3413),
  "\uD83D\uDE00".repeat(5000),
  "\uD800 a lone half",
];

const NONE: PullCounts = {
  pulls: 0,
  hits: 0,
  revalidated: 0,
  stale: 0,
  misses: 0,
  bytesServed: 0,
  bytesFetched: 0,
  upstreamPulls: 0,
};

function must<Value>(value: Value | null): Value {
  if (value === null) throw new Error("a fixture is wrong");
  return value;
}

/** Sums of a span in which all kinds of pulls came. */
function counts(hits: number, misses: number, stale = 0): PullCounts {
  const revalidated = Math.floor(hits / 5);
  const pulls = hits + misses + stale;
  return {
    pulls,
    hits: hits - revalidated,
    revalidated,
    stale,
    misses,
    bytesServed: pulls * 48_000_000,
    bytesFetched: misses * 51_000_000,
    upstreamPulls: misses,
  };
}

function stats(step: Stats["step"], spanMs: number, buckets: readonly PullCounts[]): Stats {
  const stepMs = step === "hour" ? HOUR : DAY;
  const sinceMs = NOW - spanMs;
  const totals = { ...NONE };
  for (const bucket of buckets)
    for (const key of Object.keys(totals) as (keyof PullCounts)[]) totals[key] += bucket[key];
  const first = Math.floor(sinceMs / stepMs) * stepMs;
  const dated = buckets.map((bucket, index) => ({ ...bucket, startMs: first + index * stepMs }));
  const told = dated.filter(({ pulls }) => pulls > 0);
  return { sinceMs, untilMs: NOW, step, totals, buckets: told, quotas: [] };
}

/** A pull of some minutes ago. */
export function pull(minutesAgo: number, changes: Partial<LatestPull> = {}): LatestPull {
  return {
    id: `pull-${minutesAgo}`,
    timeMs: NOW - minutesAgo * MINUTE,
    upstream: "docker.io",
    repository: must(parseRepository("library/alpine")),
    tag: must(parseTag("3.20")),
    knownTag: must(parseTag("3.20")),
    digest: must(parseDigest(`sha256:${"4f".repeat(32)}`)),
    mediaType: "application/vnd.oci.image.index.v1+json",
    outcome: "hit",
    counted: false,
    client: { address: "203.0.113.7", userAgent: "docker/27.3.1 go/go1.22.7 os/linux arch/amd64" },
    blobs: { hits: 1, misses: 0, bytes: 3_626_897 },
    ...changes,
  };
}

function image(name: string, hits: number, misses: number): TopImage {
  const repository = must(parseRepository(name));
  return { upstream: "docker.io", repository, hits, misses, lastPullMs: NOW - 4 * MINUTE };
}

/** A page for what a pull log told, or without one. */
export function view(activity: StatusView["activity"], repositories: string[] = []): StatusView {
  const mirror = must(parseAddress("https:", "mirror.example.com"));
  return {
    now: NOW,
    mirror,
    upstream: null,
    version: "0.1.0",
    activity,
    repositories,
    isClosed: false,
    hasTokens: true,
    needsSecret: false,
    canLogOut: false,
  };
}

type Upstream = NonNullable<Stats["upstreams"]>[number];

/** A registry that answered some minutes ago, and fails since then where a kind is named. */
export function upstream(changes: Partial<Upstream>): Upstream {
  const answeredAtMs = NOW - 9 * MINUTE;
  const counts = { pulls: 0, misses: 0, upstreamPulls: 0 };
  return {
    upstream: "docker.io",
    ...counts,
    answeredAtMs,
    failure: null,
    failures: [],
    ...changes,
  };
}

/** A log in which nothing is yet. */
export function noActivity(): Activity {
  return {
    day: {
      ...stats("hour", DAY, []),
      quotas: [{ credential: "anonymous", quota: null }],
      upstreams: [upstream({ answeredAtMs: null })],
    },
    week: stats("day", 7 * DAY, []),
    topImages: [],
    latestPulls: [],
    completeSinceMs: NOW - 3 * DAY,
    storage: { usedBytes: 0, limitBytes: 10_000_000_000 },
  };
}

/** The first hour of a mirror. */
export function littleActivity(): Activity {
  const hours = Array.from({ length: 25 }, (_, hour) => (hour === 24 ? counts(1, 1) : NONE));
  const days = Array.from({ length: 8 }, (_, day) => (day === 7 ? counts(1, 1) : NONE));
  return {
    ...noActivity(),
    day: {
      ...stats("hour", DAY, hours),
      quotas: [
        {
          credential: "anonymous",
          quota: { limit: 100, remaining: 99, windowSeconds: 21_600, seenAtMs: NOW - 9 * MINUTE },
        },
      ],
      upstreams: [upstream({ pulls: 2, misses: 1, upstreamPulls: 1 })],
    },
    week: {
      ...stats("day", 7 * DAY, days),
      upstreams: [upstream({ pulls: 2, misses: 1, upstreamPulls: 1 })],
    },
    topImages: [image("library/alpine", 1, 1)],
    latestPulls: [pull(2), pull(9, { outcome: "miss", counted: true })],
    storage: { usedBytes: 3_627_000, limitBytes: null },
  };
}

const BUSY = [
  "library/node",
  "library/python",
  "library/alpine",
  "bitnami/postgresql",
  "grafana/grafana",
  "gitlab/gitlab-runner-helper",
  "library/docker",
  "team-platform/continuous-integration/build-tools/golang-with-linters",
];
const OUTCOMES = ["hit", "hit", "revalidated", "stale", "miss"] as const;

/** Night and day, from 0 to 2. */
function wave(hour: number): number {
  return 1 + Math.sin((hour / 24) * 2 * Math.PI - 2);
}

/** A busy week, in which Docker Hub has just begun to refuse. */
export function muchActivity(): Activity {
  const hours = Array.from({ length: 25 }, (_, hour) =>
    counts(Math.round(9000 * wave(hour)), Math.round(700 * wave(hour)), hour > 22 ? 431 : 0),
  );
  const days = Array.from({ length: 8 }, (_, day) => counts(212_345 - day * 9000, 9100 + day, 70));
  return {
    day: {
      ...stats("hour", DAY, hours),
      lostRecords: 1234,
      quotas: [
        {
          credential: "operator",
          quota: { limit: 200, remaining: 0, windowSeconds: 21_600, seenAtMs: NOW - MINUTE },
        },
        {
          credential: "anonymous",
          quota: { limit: 100, remaining: 12, windowSeconds: 21_600, seenAtMs: NOW - 9 * HOUR },
        },
      ],
      upstreams: [
        upstream({
          pulls: 180_000,
          misses: 8000,
          upstreamPulls: 7654,
          answeredAtMs: NOW - 35 * MINUTE,
          failure: {
            kind: "rate-limited",
            sinceMs: NOW - 34 * MINUTE,
            lastMs: NOW - 2 * MINUTE,
          },
        }),
        upstream({
          upstream: "ghcr.io",
          answeredAtMs: null,
          failure: { kind: "unreachable", sinceMs: NOW - 3 * HOUR, lastMs: NOW - HOUR },
        }),
        upstream({ upstream: "quay.io" }),
      ],
    },
    week: {
      ...stats("day", 7 * DAY, days),
      upstreams: [
        upstream({ pulls: 1_234_567, misses: 60_000, upstreamPulls: 54_321 }),
        upstream({ upstream: "ghcr.io", pulls: 212_000, misses: 9000, upstreamPulls: 9000 }),
      ],
    },
    topImages: BUSY.map((name, index) => image(name, 812_345 - index * 97_531, 41 + index * 2000)),
    completeSinceMs: NOW - 3 * DAY,
    latestPulls: Array.from({ length: 20 }, (_, index) => {
      const outcome = OUTCOMES[index % OUTCOMES.length] ?? "hit";
      return pull(index * 3, {
        repository: must(parseRepository(BUSY[index % BUSY.length] ?? "")),
        ...(index % 8 === 3 ? { knownTag: null } : {}),
        tag: index % 4 === 3 ? null : must(parseTag(`2${index}.1-slim`)),
        outcome,
        counted: outcome === "miss",
      });
    }),
    storage: { usedBytes: 962_000_000_000, limitBytes: 1_000_000_000_000 },
  };
}

/** Every text that comes from outside is hostile, names that no parser lets through included. */
export function hostileActivity(): Activity {
  const little = littleActivity();
  return {
    ...little,
    day: {
      ...little.day,
      quotas: HOSTILE.map((credential) => ({ credential, quota: null })),
      upstreams: HOSTILE.map((text) =>
        upstream({ upstream: text, failure: { kind: text, sinceMs: 0, lastMs: 0 } }),
      ),
    },
    topImages: HOSTILE.map((text) => ({
      upstream: text,
      repository: text as RepositoryName,
      hits: Number.MAX_SAFE_INTEGER,
      misses: 0,
      lastPullMs: Number.MAX_SAFE_INTEGER,
    })),
    latestPulls: HOSTILE.map((text, index) =>
      pull(index, {
        upstream: index % 2 === 0 ? "docker.io" : text,
        repository: text as RepositoryName,
        tag: index % 3 === 0 ? null : (text as Tag),
        knownTag: text as Tag,
        client: { address: text, userAgent: text },
        timeMs: index === 0 ? Number.MAX_SAFE_INTEGER : NOW + index * HOUR,
      }),
    ),
    storage: { usedBytes: Number.MAX_SAFE_INTEGER, limitBytes: 1 },
  };
}
