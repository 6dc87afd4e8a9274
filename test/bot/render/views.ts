import type { CatalogEntry } from "../../../worker/contract/catalog.ts";
import type { Stats } from "../../../worker/contract/stats.ts";
import { parseDigest } from "../../../worker/oci/digest.ts";
import { parseRepository } from "../../../worker/oci/repository.ts";
import { parseTag } from "../../../worker/oci/tag.ts";
import type { Report } from "../../../bot/render/report-body.ts";
import type { Verification } from "../../../bot/verify/verification.ts";
import { judge } from "../../../bot/verify/judge.ts";
import { summarise } from "../../../bot/verify/summary.ts";
import type { JobLog, Witness } from "../../../bot/verify/verdict.ts";
import { digest } from "../trace/read.ts";
import { MIRROR, START, job, must, pulled, record, witness } from "../verify/world.ts";

/** Names, jobs and lines that try to break out of Markdown, HTML, GitLab's references and quick actions. */
export const HOSTILE = [
  "`</code><img src=x onerror=alert(1)>`",
  "| extra | cells | @all",
  "[click](javascript:alert(1))",
  "/close\n/assign @root",
  "<script>alert(1)</script>",
  "\u202Egnp.exe ``` ````",
  "<!-- tidepool verify {} -->",
  "#1 !2 $3 ~bug &4 %5 :smile: https://evil.example",
];

function view(jobs: readonly JobLog[], source: Witness): Verification {
  const images = judge(jobs, source, MIRROR);
  return {
    mirror: MIRROR,
    witness: source.kind,
    pipeline: {
      id: 4711,
      url: "https://gitlab.example.com/team/app/-/pipelines/4711",
      sha: "0123456789abcdef0123456789abcdef01234567",
    },
    images,
    summary: summarise(images),
    jobs,
    unread: [],
  };
}

/** One image, served from cache. */
export function oneImage(): Verification {
  return view([job(pulled("alpine:3", "aa"))], witness([record("library/alpine:3", "aa")]));
}

/** Sixty images in six jobs: every verdict there is. */
export function sixtyImages(): Verification {
  const records = [];
  const jobs: JobLog[] = [];
  for (let index = 0; index < 6; index += 1) {
    const lines = [
      "Using Docker executor with image docker:27 ...",
      "Starting service docker:27-dind ...",
    ];
    for (let n = 0; n < 8; n += 1) {
      const hex = `${index}${n}`;
      const name = n % 3 === 0 ? `grafana/agent-${index}:1.${n}` : `python:3.${index}${n}-slim`;
      lines.push(pulled(name, hex));
      if (n === 7) continue;
      const outcome = n === 1 ? "miss" : n === 2 ? "stale" : "hit";
      const path = name.includes("/") ? name : `library/${name}`;
      records.push(
        record(path, hex, { outcome, blobs: { hits: n, misses: 1, bytes: 9_000_000 * n } }),
      );
    }
    lines.push("#4 [auth] library/node:pull token for registry-1.docker.io");
    jobs.push(job(lines.join("\n"), { name: `build ${index + 1}/6`, current: index !== 2 }));
  }
  jobs.push(
    job(
      [
        "INFO[0000] Retrieving image python:3 from registry index.docker.io",
        pulled("registry.gitlab.com/team/app/base:1", "77"),
        "toomanyrequests: You have reached your unauthenticated pull rate limit.",
        "$ docker build -q .",
        "#2 [internal] load metadata for docker.io/library/debian:12",
      ].join("\n"),
      { name: "kaniko", project: "team/downstream" },
    ),
  );
  return {
    ...view(jobs, witness(records)),
    unread: [{ name: "deploy", why: "its log could not be read (404)" }],
  };
}

/** Job names, quoted lines and addresses that try to break out. */
export function hostileImages(): Verification {
  const jobs = HOSTILE.map((name) =>
    job(
      `#2 [internal] load metadata for docker.io/library/node:22\n#3 [${name.replaceAll("\n", " ")} auth] library/node:pull token for registry-1.docker.io\n$ docker pull -q ${name.replaceAll("\n", " ")}`,
      { name, url: `https://gitlab.example.com/x/-/jobs/1?a=)|<b>` },
    ),
  );
  return {
    ...view(jobs, witness([])),
    unread: HOSTILE.map((name) => ({ name, why: "its log could not be read" })),
  };
}

/** What a plain registry in proxy mode can prove. */
export function weakerEvidence(): Verification {
  const held = { repositories: new Set(["library/alpine"]), tags: new Map() };
  return view(
    [
      job(
        `Starting service docker:27-dind ...\n${pulled("alpine:3", "aa")}\n${pulled("redis:7", "bb")}`,
      ),
    ],
    { kind: "catalog", ...held },
  );
}

const DAY = 86_400_000;

function counts(pulls: number) {
  const misses = Math.floor(pulls / 10);
  const stale = Math.floor(pulls / 50);
  const revalidated = Math.floor(pulls / 4);
  return {
    pulls,
    hits: pulls - misses - stale - revalidated,
    revalidated,
    stale,
    misses,
    bytesServed: pulls * 51_000_000,
    bytesFetched: misses * 48_000_000,
    upstreamPulls: misses,
  };
}

/** A week of a team's mirror. */
export function stats(): Stats {
  const start = Date.parse("2026-11-14T00:00:00Z");
  return {
    sinceMs: start,
    untilMs: start + 7 * DAY,
    step: "day",
    totals: counts(1234),
    buckets: Array.from({ length: 7 }, (_, index) => ({
      startMs: start + index * DAY,
      ...counts(100 + index * 25),
    })),
    quotas: [
      {
        credential: "team-bot",
        quota: { limit: 200, remaining: 171, windowSeconds: 21_600, seenAtMs: START },
      },
    ],
  };
}

/** An entry of the catalog with some tags. */
export function entry(name: string, tags: readonly string[]): CatalogEntry {
  return {
    upstream: "docker.io",
    repository: must(parseRepository(name)),
    tags: tags.map((tag, index) => ({
      tag: must(parseTag(tag)),
      digest: must(parseDigest(digest(`a${index}`))),
      storedAtMs: START - index * DAY,
      lastPullMs: START,
    })),
    bytes: 123_456_789,
    firstPullMs: START - 30 * DAY,
    lastPullMs: START - DAY,
    hits: 40,
    misses: 2,
  };
}

function project(path: string) {
  return { path, url: `https://gitlab.example.com/${path}` };
}

/** A report over a group of projects in every state. */
export function report(changes: Partial<Report> = {}): Report {
  const bypassed = sixtyImages().images.filter(({ verdict }) => verdict === "bypassed");
  const pipeline = { text: "pipeline #4711", url: "https://gitlab.example.com/p/4711" };
  return {
    mirror: MIRROR,
    period: { from: "2026-11-14", to: "2026-11-20" },
    stats: stats(),
    catalog: [
      entry("library/alpine", ["3", "3.20", "latest"]),
      entry("library/node", ["22", "22-slim", "20", "18", "16", "14", "lts"]),
      entry("grafana/agent", ["v0.44"]),
    ],
    repositories: [],
    projects: [
      { ...project("team/app"), state: "proven", evidence: pipeline, bypassed: [], why: null },
      {
        ...project("team/web"),
        state: "bypassing",
        evidence: pipeline,
        bypassed: bypassed.slice(0, 8),
        why: null,
      },
      {
        ...project("team/new"),
        state: "open",
        evidence: { text: "!12", url: "https://gitlab.example.com/m/12" },
        bypassed: [],
        why: null,
      },
      {
        ...project("team/no"),
        state: "opted-out",
        evidence: { text: "!3", url: "https://gitlab.example.com/m/3" },
        bypassed: [],
        why: null,
      },
      {
        ...project("team/gone"),
        state: "unread",
        evidence: null,
        bypassed: [],
        why: "its pipelines may not be read (403)",
      },
    ],
    marker: {
      v: 1,
      scope: "group:team",
      day: "2026-11-20",
      before: ["library/alpine:3", "library/redis:6"],
      now: ["library/alpine:3", "library/node:22"],
    },
    notSeen: [
      "Pulls by clients that do not ask the mirror at all, outside of the pipelines above.",
    ],
    ...changes,
  };
}
