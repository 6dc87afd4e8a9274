import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judge } from "../../../bot/verify/judge.ts";
import { mendFor } from "../../../bot/verify/mend.ts";
import { summarise } from "../../../bot/verify/summary.ts";
import type { CatalogWitness, JobLog } from "../../../bot/verify/verdict.ts";
import { digest } from "../trace/read.ts";
import { job, MIRROR, must, pulled, record, START, told, verdicts, witness } from "./world.ts";

const MINUTE = 60_000;

function judged(jobs: JobLog[], records: ReturnType<typeof record>[], changes = {}) {
  return verdicts(judge(jobs, witness(records, changes), MIRROR));
}

describe("an image pulled inside a job", () => {
  const log = pulled("alpine:3", "aa");

  it("was served from cache where the mirror's record says hit or revalidated", () => {
    for (const outcome of ["hit", "revalidated"] as const)
      expect(judged([job(log)], [record("library/alpine:3", "aa", { outcome })])).toEqual([
        "alpine:3 cached record",
      ]);
  });

  it("came through the mirror for the first time, or stale while Docker Hub was away", () => {
    const miss = record("library/alpine:3", "aa", { outcome: "miss" });
    expect(judged([job(log)], [miss])).toEqual(["alpine:3 first record"]);
    const stale = record("library/alpine:3", "aa", { outcome: "stale" });
    expect(judged([job(log)], [stale])).toEqual(["alpine:3 stale record"]);
  });

  it("was bypassed where it was downloaded and a complete log has no record", () => {
    expect(judged([job(log)], [])).toEqual(["alpine:3 bypassed downloaded-without-record"]);
  });

  it("is not accused where the log begins later, may lag, or the job has no times", () => {
    expect(judged([job(log)], [], { completeSinceMs: START + 1 })).toEqual([
      "alpine:3 unknown log-begins-later",
    ]);
    expect(judged([job(log)], [], { readAtMs: START + 2 * MINUTE + 5000 })).toEqual([
      "alpine:3 unknown log-may-lag",
    ]);
    expect(judged([job(log, { finishedAtMs: null })], [])).toEqual([
      "alpine:3 unknown log-may-lag",
    ]);
    expect(judged([job(log, { startedAtMs: null })], [])).toEqual(["alpine:3 unknown no-times"]);
  });

  it("is no other digest's, repository's, upstream's or hour's record", () => {
    const others = [
      record("library/alpine:3", "ab"),
      record("team/alpine:3", "aa"),
      record("library/alpine:3", "aa", { upstream: "quay.io" }),
      record("library/alpine:3", "aa", { timeMs: START - 62_000 }),
      record("library/alpine:3", "aa", { timeMs: START + 3 * MINUTE + 2000 }),
    ];
    expect(judged([job(log)], others)).toEqual(["alpine:3 bypassed downloaded-without-record"]);
  });

  it("is matched by tag where the log tells no digest, and by the digest the catalog has for the tag", () => {
    const podman =
      "Trying to pull docker.io/library/alpine:3...\nGetting image source signatures\nCopying blob 0123456789ab";
    expect(judged([job(podman)], [record("library/alpine:3", "aa")])).toEqual([
      "docker.io/library/alpine:3 cached record",
    ]);
    const byDigest = record("library/alpine", "aa");
    expect(judged([job(podman)], [byDigest])).toEqual([
      "docker.io/library/alpine:3 bypassed downloaded-without-record",
    ]);
    const tags = new Map([["library/alpine:3", digest("aa")]]);
    expect(judged([job(podman)], [byDigest], { tags })).toEqual([
      "docker.io/library/alpine:3 cached record",
    ]);
  });

  it("without a record is no bypass where the mirror was asked for that very tag by HEAD", () => {
    const kept = "alpine:3 unknown asked-by-head";
    const bypassed = "alpine:3 bypassed downloaded-without-record";
    expect(judged([job(log)], [], told("aa", START + MINUTE))).toEqual([kept]);
    expect(judged([job(log)], [], told("aa", START + 30 * MINUTE))).toEqual([kept]);
    expect(judged([job(log)], [], told("aa", START - 30 * MINUTE))).toEqual([bypassed]);
    expect(judged([job(log)], [], told("bb", START + MINUTE))).toEqual([bypassed]);
    expect(judged([job(log)], [], { tags: told("aa", 0).tags })).toEqual([bypassed]);
  });

  it("is found although the mirror's clock is an hour ahead", () => {
    const ahead = record("library/alpine:3", "aa", { timeMs: START + 61 * MINUTE });
    expect(judged([job(log)], [ahead], { skewMs: 60 * MINUTE })).toEqual([
      "alpine:3 cached record",
    ]);
  });

  it("written with the mirror's own host is Docker Hub's all the same", () => {
    const direct = pulled("mirror.example.dev/library/alpine:3", "aa");
    expect(judged([job(direct)], [record("library/alpine:3", "aa")])).toEqual([
      "mirror.example.dev/library/alpine:3 cached record",
    ]);
  });

  it("of another registry is out of scope", () => {
    const other = pulled("registry.gitlab.com/team/app:1", "aa");
    expect(judged([job(other)], [])).toEqual([
      "registry.gitlab.com/team/app:1 out-of-scope other-registry",
    ]);
  });

  it("used again later in the same job was not pulled again", () => {
    const twice = `${log}\n#2 [internal] load metadata for docker.io/library/alpine:3\n#3 [1/2] FROM docker.io/library/alpine:3@${digest("aa")}`;
    expect(judged([job(twice)], [record("library/alpine:3", "aa")])).toEqual([
      "alpine:3 cached record",
      "docker.io/library/alpine:3 local earlier-in-job",
    ]);
  });

  it("from BuildKit's own cache is local, and unknown where nothing is said", () => {
    const cached = `#3 [1/2] FROM docker.io/library/redis:7@${digest("bb")}\n#3 CACHED`;
    expect(judged([job(cached)], [])[0]).toMatch(/ local build-cache$/);
    const silent = "#2 [internal] load metadata for docker.io/library/redis:7";
    expect(judged([job(silent)], [])).toEqual([
      "docker.io/library/redis:7 unknown no-transfer-seen",
    ]);
  });
});

describe("a line that shows Docker Hub being asked", () => {
  const log = [
    '#0 building with "ci" instance using docker-container driver',
    "#2 [internal] load metadata for docker.io/library/node:22",
    "#3 [auth] library/node:pull token for registry-1.docker.io",
  ].join("\n");

  it("proves the bypass, whatever record there is, and leaves that record to whom it belongs", () => {
    const both = `${log}\n${pulled("node:22", "aa")}`;
    const images = judge([job(both)], witness([record("library/node:22", "aa")]), MIRROR);
    expect(verdicts(images)).toEqual([
      "docker.io/library/node:22 bypassed docker-hub-asked",
      "node:22 cached record",
    ]);
  });

  it("comes with the edit that mends it", () => {
    const [image] = judge([job(log)], witness([]), MIRROR);
    expect(mendFor(must(image), MIRROR)?.code).toBe(
      '[registry."docker.io"]\n  mirrors = ["mirror.example.dev"]',
    );
    const kaniko = "INFO[0000] Retrieving image python:3 from registry index.docker.io";
    const [other] = judge([job(kaniko)], witness([]), MIRROR);
    expect(mendFor(must(other), MIRROR)?.code).toContain(
      "KANIKO_REGISTRY_MIRROR: mirror.example.dev",
    );
    const dind = `Starting service docker:27-dind...\n${pulled("alpine:3", "aa")}`;
    const withDind = judge([job(dind)], witness([]), MIRROR).map((one) => mendFor(one, MIRROR));
    expect(withDind.map((mend) => mend?.language)).toEqual([undefined, "yaml"]);
    const [host] = judge([job(pulled("alpine:3", "aa"))], witness([]), MIRROR);
    expect(mendFor(must(host), MIRROR)?.code).toContain("registry-mirrors");
  });

  it("counts as a bypass when kaniko asked another mirror and ours has no record", () => {
    const other =
      "INFO[0000] Retrieving image manifest python:3\nINFO[0000] Retrieving image mirror.gcr.io/library/python:3 from mapped registry mirror.gcr.io";
    expect(judged([job(other)], [])).toEqual(["python:3 bypassed other-mirror"]);
  });
});

describe("what the runner pulls", () => {
  const log = `Using Docker executor with image alpine:3 ...\nPulling docker image alpine:3 ...\nUsing docker image sha256:${"1".repeat(64)} for alpine:3 with digest alpine@${digest("aa")} ...`;

  it("is a matter of the runner without a record, and never a failure", () => {
    const images = judge([job(log)], witness([]), MIRROR);
    expect(verdicts(images)).toEqual(["alpine:3 runner no-record-of-runner"]);
    expect(summarise(images).state).toBe("nothing");
  });

  it("is told as served where the host goes through the mirror too", () => {
    expect(judged([job(log)], [record("library/alpine:3", "aa")])).toEqual([
      "alpine:3 cached record",
    ]);
  });

  it("was no pull where the image was there, even if somebody pulled it at that time", () => {
    const local = `Using locally found image version due to "if-not-present" pull policy\nUsing docker image sha256:${"1".repeat(64)} for alpine:3 with digest alpine@${digest("aa")} ...`;
    expect(judged([job(local)], [record("library/alpine:3", "aa")])).toEqual([
      "alpine:3 local on-the-runner",
    ]);
  });

  it("does not take the record of what was pulled inside the job", () => {
    expect(judged([job(`${log}\n${pulled("alpine:3", "aa")}`)], [record("library/alpine:3", "aa")]))
      .toMatchInlineSnapshot(`
      [
        "alpine:3 runner no-record-of-runner",
        "alpine:3 cached record",
      ]
    `);
  });
});

/** A line of a job's own, as runners since 18.7 write it. */
function stamp(seconds: number, line: string): string {
  return `2026-11-20T10:00:${String(seconds).padStart(2, "0")}.000000Z 01O ${line}`;
}

/** A job that pulls `alpine:3` at this second. */
function at(seconds: number): JobLog {
  const lines = pulled("alpine:3", "aa").split("\n");
  return job(lines.map((line) => stamp(seconds, line)).join("\n"));
}

describe("jobs that pull the same image at the same time", () => {
  it("are each given the pull nearest in time", () => {
    const records = [
      record("library/alpine:3", "aa", { timeMs: START + 50_000, outcome: "hit" }),
      record("library/alpine:3", "aa", { timeMs: START + 10_000, outcome: "miss" }),
    ];
    expect(judged([at(51), at(11)], records)).toEqual([
      "alpine:3 cached record",
      "alpine:3 first record",
    ]);
  });

  it("are not both proven by one pull", () => {
    expect(judged([at(11), at(12)], [record("library/alpine:3", "aa")]).toSorted()).toEqual([
      "alpine:3 cached record",
      "alpine:3 unknown record-shared",
    ]);
  });

  it("are given the less favourable record where the log has no times", () => {
    const records = [
      record("library/alpine:3", "aa", { outcome: "hit" }),
      record("library/alpine:3", "aa", { outcome: "miss" }),
    ];
    expect(judged([job(pulled("alpine:3", "aa"))], records)).toEqual(["alpine:3 first record"]);
  });
});

function other(repositories: string[], tags: [string, string[]][] = []): CatalogWitness {
  return {
    kind: "catalog",
    repositories: new Set(repositories),
    tags: new Map(tags.map(([name, list]) => [name, new Set(list)])),
  };
}

describe("a mirror of another make", () => {
  it("holds an image or does not, and that is all it proves", () => {
    const jobs = [job(`${pulled("alpine:3", "aa")}\n${pulled("redis:7", "bb")}`)];
    const images = judge(jobs, other(["library/alpine"], [["library/alpine", ["3"]]]), MIRROR);
    expect(verdicts(images)).toEqual([
      "alpine:3 held in-catalog",
      "redis:7 bypassed not-in-catalog",
    ]);
  });

  it("does not hold a tag that it does not list", () => {
    const jobs = [job(pulled("alpine:3", "aa"))];
    const images = judge(jobs, other(["library/alpine"], [["library/alpine", ["2"]]]), MIRROR);
    expect(verdicts(images)).toEqual(["alpine:3 bypassed not-in-catalog"]);
  });
});

describe("on random logs and random ledgers", () => {
  const names = fc.constantFrom("alpine:3", "redis:7", "team/app:1", "quay.io/team/app:1");
  const hexes = fc.constantFrom("aa", "bb", "cc");
  const lines = fc.oneof(
    fc.tuple(names, hexes).map(([name, hex]) => pulled(name, hex)),
    names.map(
      (name) => `Trying to pull docker.io/${name.includes("/") ? name : `library/${name}`}...`,
    ),
    fc.constant("Getting image source signatures"),
    hexes.map((hex) => `#3 [1/2] FROM docker.io/library/alpine:3@${digest(hex)}`),
    fc.constant("#3 CACHED"),
    fc.constant("#4 [auth] library/alpine:pull token for registry-1.docker.io"),
    names.map((name) => `Pulling docker image ${name} ...`),
    fc.string(),
  );
  const jobs = fc.array(
    fc.record({
      log: fc.array(lines, { maxLength: 8 }).map((parts) => parts.join("\n")),
      startedAtMs: fc.option(fc.integer({ min: START - 5 * MINUTE, max: START + 5 * MINUTE })),
      finishedAtMs: fc.option(fc.constant(START + 6 * MINUTE)),
    }),
    { maxLength: 4 },
  );
  const records = fc.array(
    fc
      .record({
        name: fc.constantFrom(
          "library/alpine:3",
          "library/redis:7",
          "library/alpine",
          "team/app:1",
        ),
        hex: hexes,
        timeMs: fc.integer({ min: START - 20 * MINUTE, max: START + 20 * MINUTE }),
        outcome: fc.constantFrom("hit", "revalidated", "stale", "miss"),
        upstream: fc.constantFrom("docker.io", "quay.io"),
      })
      .map(({ name, hex, ...rest }) => record(name, hex, rest)),
    { maxLength: 8 },
  );

  it("nothing is called served without a record of its own that matches it", () => {
    fc.assert(
      fc.property(jobs, records, fc.integer({ min: -5, max: 5 }), (specs, ledger, minutes) => {
        const skewMs = minutes * MINUTE;
        const all = specs.map(({ log, ...times }) => job(log, times));
        const used = new Set<unknown>();
        for (const one of judge(all, witness(ledger, { skewMs }), MIRROR)) {
          if (!["cached", "first", "stale"].includes(one.verdict)) {
            expect(one.record).toBeNull();
            continue;
          }
          const found = must(one.record);
          expect(ledger).toContain(found);
          expect(used.has(found)).toBe(false);
          used.add(found);
          expect(found.upstream).toBe("docker.io");
          expect(found.repository).toBe(one.repository);
          if (one.image.digest === null) expect(found.tag).toBe(one.image.reference.tag);
          else expect(found.digest).toBe(one.image.digest);
          expect(one.image.bypass).toBeNull();
          const start = must(one.job.startedAtMs) + skewMs;
          expect(found.timeMs).toBeGreaterThanOrEqual(start - MINUTE - 500);
          expect(found.outcome === "miss").toBe(one.verdict === "first");
        }
      }),
      { numRuns: 500 },
    );
  });
});
