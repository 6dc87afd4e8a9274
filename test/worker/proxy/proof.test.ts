import { beforeEach, describe, expect, test, vi } from "vitest";
import type { RepositoryName } from "../../../worker/oci/repository.ts";
import type { Tag } from "../../../worker/oci/tag.ts";
import { type Probe, Prover } from "../../../worker/proxy/proof.ts";
import type { RepositoryKey } from "../../../worker/store/store.ts";
import { UpstreamError, type UpstreamFailureKind } from "../../../worker/upstream/errors.ts";
import type { Upstream } from "../../../worker/upstream/upstream.ts";
import { createUpstreams } from "../../../worker/upstream/upstreams.ts";
import { repositoryOf } from "../../helpers/inventory.ts";
import { NOON, digestOf } from "../../helpers/ledger-events.ts";

const TTL = 3_600_000;
const WEEK = 7 * 24 * 3_600_000;
const APP = repositoryOf("team/app");
const TAG: Probe = { kind: "tag", tag: "3" as Tag };
const BLOB: Probe = { kind: "blob", digest: digestOf(7) };

let now: number;
let isAnonymousOnly: boolean;
/** What everybody is shown, as `<what> <repository>`. */
let shown: Set<string>;
let failing: UpstreamFailureKind | null;
/** What was asked, and as whom. */
let asked: string[];
let proofs: Map<string, number>;
let prover: Prover;

function nameOf({ upstream, repository }: RepositoryKey): string {
  return `${upstream}/${repository}`;
}

/** A registry that shows the account everything, and everybody what is in `shown`. */
function registry(name: string, identity: "account" | "anonymous"): Upstream {
  const answer = async <T>(what: string, repository: RepositoryName, found: T) => {
    asked.push(`${identity} ${what} ${repository}`);
    if (failing !== null) throw new UpstreamError({ kind: failing, upstream: name, message: "no" });
    return identity === "account" || shown.has(`${what} ${repository}`) ? found : null;
  };
  const head = { digest: null, mediaType: null, size: null, quota: null };
  const page = { body: {}, next: null, headers: new Headers() };
  return {
    name,
    headManifest: (repository, target) =>
      answer(target.kind === "tag" ? target.tag : target.digest, repository, head),
    headBlob: (repository, digest) => answer(digest, repository, { size: 1 }),
    list: (repository, { rest, query }) => answer(`${rest}?n=${query["n"]}`, repository, page),
    getManifest: () => expect.fail("a manifest that is got counts as a pull"),
    openBlob: () => expect.fail("no blob is needed"),
  };
}

beforeEach(() => {
  now = NOON;
  isAnonymousOnly = false;
  shown = new Set();
  failing = null;
  asked = [];
  proofs = new Map();
  prover = new Prover({
    upstreams: createUpstreams({
      names: ["docker.io"],
      hasAccount: () => !isAnonymousOnly,
      create: registry,
      withSources: (upstream) => upstream,
    }),
    proofs: {
      read: (key) => proofs.get(nameOf(key)) ?? null,
      write: (key, provenAt) => void proofs.set(nameOf(key), provenAt),
      clear: (key) => void proofs.delete(nameOf(key)),
    },
    publicTtlMs: TTL,
    isPublic: ({ repository }) => repository.startsWith("library/"),
    now: () => now,
  });
});

async function kindOf(probe: Probe | null, key = APP): Promise<string> {
  return (await prover.prove(key, probe)).kind;
}

describe("a repository is public", () => {
  test("where everybody is shown what is asked for, whatever the account can see", async () => {
    expect(await kindOf(TAG)).toBe("absent");
    expect(await kindOf(BLOB)).toBe("absent");
    expect(proofs.size).toBe(0);
    shown = new Set(["3 team/app"]);
    expect(await kindOf(TAG)).toBe("proven");
    expect(proofs.get("docker.io/team/app")).toBe(NOON);
    expect(new Set(asked.map((line) => line.split(" ")[0]))).toEqual(new Set(["anonymous"]));
  });

  test("where everybody is shown the blob", async () => {
    shown = new Set([`${digestOf(7)} team/app`]);
    expect(await kindOf(BLOB)).toBe("proven");
    expect(asked).toEqual([`anonymous ${digestOf(7)} team/app`]);
  });

  test("where what is asked for is gone, and everybody is shown any tag", async () => {
    shown = new Set(["tags/list?n=1 team/app"]);
    expect(await kindOf(TAG)).toBe("proven");
    expect(asked).toEqual(["anonymous 3 team/app", "anonymous tags/list?n=1 team/app"]);
  });

  test("where it is public by definition, and then nobody is asked", async () => {
    expect(await kindOf(TAG, repositoryOf("library/debian"))).toBe("proven");
    expect([asked.length, proofs.size]).toEqual([0, 0]);
  });

  test("for half of the time that is set, and no other is by it", async () => {
    shown = new Set(["3 team/app"]);
    await kindOf(TAG);
    now += TTL / 2 - 1;
    asked = [];
    expect(await kindOf(TAG)).toBe("proven");
    expect(await kindOf(null)).toBe("proven");
    expect(asked).toEqual([]);
    expect(await kindOf(TAG, repositoryOf("team/other"))).toBe("absent");
    shown.clear();
    now += 1;
    expect(await kindOf(null)).toBe("absent");
    expect(await kindOf(TAG)).toBe("absent");
  });
});

describe("while the upstream cannot say", () => {
  test("what was proven within a week is believed, and nothing else", async () => {
    shown = new Set(["3 team/app"]);
    await kindOf(TAG);
    failing = "rate-limited";
    now = NOON + WEEK - 1;
    expect(await prover.prove(APP, TAG)).toMatchObject({
      kind: "believed",
      failure: { kind: "rate-limited" },
    });
    expect(await kindOf(TAG, repositoryOf("team/other"))).toBe("failed");
    now = NOON + WEEK;
    expect(await kindOf(TAG)).toBe("failed");
  });

  test("it is asked once in ten seconds for what is believed, and each time for what is not", async () => {
    proofs.set("docker.io/team/app", NOON - TTL);
    failing = "timeout";
    expect(await kindOf(TAG)).toBe("believed");
    now += 9_999;
    expect(await kindOf(TAG)).toBe("believed");
    expect(await kindOf(null)).toBe("believed");
    expect(asked).toHaveLength(1);
    expect(await kindOf(TAG, repositoryOf("team/other"))).toBe("failed");
    expect(asked).toHaveLength(2);
    now += 10_000;
    expect(await kindOf(TAG)).toBe("believed");
    expect(asked).toHaveLength(3);
  });

  test("its first answer ends that", async () => {
    const old = repositoryOf("team/old");
    for (const key of [APP, old]) proofs.set(nameOf(key), NOON - TTL);
    failing = "unreachable";
    expect(await kindOf(TAG)).toBe("believed");
    failing = null;
    shown = new Set(["3 team/new"]);
    expect(await kindOf(TAG, repositoryOf("team/new"))).toBe("proven");
    expect(await kindOf(TAG, old)).toBe("absent");
  });
});

test("a first proof is tried again within the time that a client waits, a later one is not", async () => {
  vi.useFakeTimers();
  try {
    failing = "unreachable";
    const proving = kindOf(TAG);
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toHaveLength(2);
    failing = null;
    shown = new Set(["3 team/app"]);
    await vi.advanceTimersByTimeAsync(1_500);
    expect(await proving).toBe("proven");
    expect(asked).toHaveLength(3);
    now += TTL;
    failing = "unreachable";
    expect(await kindOf(TAG)).toBe("believed");
    expect(asked).toHaveLength(4);
  } finally {
    vi.useRealTimers();
  }
});

test("a refusal takes the proof away at once, and is told as one", async () => {
  proofs.set("docker.io/team/app", NOON - TTL);
  failing = "unauthorized";
  expect(await prover.prove(APP, TAG)).toMatchObject({
    kind: "failed",
    failure: { kind: "unauthorized" },
  });
  expect(proofs.size).toBe(0);
  proofs.set("docker.io/team/app", NOON);
  prover.refused(APP);
  expect(proofs.size).toBe(0);
});

describe("an answer of the upstream", () => {
  test("is no proof with an account: everybody is asked about before", async () => {
    for (const asking of ["public", "private"] as const) prover.answered(APP, asking);
    expect(proofs.size).toBe(0);
    expect(await kindOf(TAG)).toBe("absent");
    expect(asked[0]).toBe("anonymous 3 team/app");
  });

  test("is proof with one that was not used", () => {
    prover.answered(APP, "anonymous");
    expect(proofs.get("docker.io/team/app")).toBe(NOON);
  });

  test("is proof without an account, and is written down four times in the time that is set", async () => {
    isAnonymousOnly = true;
    expect(await kindOf(TAG)).toBe("unasked");
    expect(await kindOf(null)).toBe("absent");
    expect(asked).toEqual([]);
    prover.answered(APP, "public");
    expect(proofs.get("docker.io/team/app")).toBe(NOON);
    now += TTL / 4;
    prover.answered(APP, "public");
    expect(proofs.get("docker.io/team/app")).toBe(NOON);
    now += 1;
    prover.answered(APP, "public");
    expect(proofs.get("docker.io/team/app")).toBe(now);
  });
});
