import { beforeEach, expect, test } from "vitest";
import type { Tag } from "../../../worker/oci/tag.ts";
import {
  type Audience,
  type Probe,
  type ProofAnswer,
  type Standing,
  createProofMemory,
  forgetPublic,
  isKnownPublic,
  rememberPublic,
  requireReadable,
} from "../../../worker/proxy/proof.ts";
import type { RepositoryKey } from "../../../worker/store/store.ts";
import type { UpstreamFailureKind } from "../../../worker/upstream/errors.ts";
import { repositoryOf } from "../../helpers/inventory.ts";
import { NOON, digestOf } from "../../helpers/ledger-events.ts";

const TTL = 3_600_000;
const APP = repositoryOf("team/app");
const TAG: Probe = { kind: "tag", tag: "3" as Tag };
const BLOB: Probe = { kind: "blob", digest: digestOf(7) };

let now: number;
let answer: ProofAnswer;
let asked: (Probe | null)[];
let proofs = createProofMemory();

const deps = {
  get proofs() {
    return proofs;
  },
  gate: {
    async prove(_key: unknown, probe: Probe | null) {
      asked.push(probe);
      return answer;
    },
  },
  publicTtlMs: TTL,
  isPublic: ({ repository }: RepositoryKey) => repository.startsWith("library/"),
  now: () => now,
};

beforeEach(() => {
  now = NOON;
  answer = { kind: "absent" };
  asked = [];
  proofs = createProofMemory();
});

function read(probe: Probe, audience: Audience = "public", key = APP): Promise<Standing> {
  return requireReadable(deps, key, { audience, probe });
}

function failed(kind: UpstreamFailureKind): ProofAnswer {
  return { kind: "failed", failure: { kind, upstream: "docker.io", message: "no" } };
}

test("a client that may read the repository in any case is asked no proof of it, and proves nothing", async () => {
  await read(TAG, "private");
  expect(asked).toEqual([]);
  await expect(read(TAG)).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
});

test("what is proven is served, and no more asked about for half of the time that is set", async () => {
  answer = { kind: "proven" };
  expect(await read(TAG)).toEqual({ kind: "readable" });
  now += TTL / 2 - 1;
  await read(BLOB);
  expect(asked).toEqual([TAG]);
  expect(isKnownPublic(deps, APP)).toBe(true);
  expect(isKnownPublic(deps, repositoryOf("team/app", "ghcr.io"))).toBe(false);
  now += 1;
  expect(isKnownPublic(deps, APP)).toBe(false);
  await read(BLOB);
  expect(asked).toEqual([TAG, BLOB]);
});

test("what is believed is not known to be public, and asked about again after ten seconds", async () => {
  answer = { ...failed("timeout"), kind: "believed" } as ProofAnswer;
  for (let times = 0; times < 2; times += 1) {
    expect(await read(TAG)).toMatchObject({ kind: "believed", failure: { kind: "timeout" } });
    now += 9_999;
  }
  expect(isKnownPublic(deps, APP)).toBe(false);
  expect(asked).toHaveLength(1);
  now += 10_000;
  await read(TAG);
  expect(asked).toHaveLength(2);
});

test("what the upstream is asked for without an account is neither known nor remembered", async () => {
  answer = { kind: "unasked" };
  for (const probe of [TAG, BLOB]) expect(await read(probe)).toEqual({ kind: "unasked" });
  expect(asked).toEqual([TAG, BLOB]);
});

test("what is public by definition is not asked about", async () => {
  const debian = repositoryOf("library/debian");
  expect(await read(TAG, "public", debian)).toEqual({ kind: "readable" });
  expect([isKnownPublic(deps, debian), asked.length]).toEqual([true, 0]);
});

test.each<[ProofAnswer, string, string]>([
  [{ kind: "absent" }, "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"],
  [failed("unauthorized"), "NAME_UNKNOWN", "BLOB_UNKNOWN"],
])("what is %j is refused as if it were not there, and remembered as nothing", async (...row) => {
  const [said, manifestCode, blobCode] = row;
  answer = said;
  await expect(read(TAG)).rejects.toMatchObject({ name: "RegistryError", code: manifestCode });
  await expect(read(BLOB)).rejects.toMatchObject({ name: "RegistryError", code: blobCode });
  expect(isKnownPublic(deps, APP)).toBe(false);
});

test("what was never proven while the upstream is away is the upstream's failure", async () => {
  answer = failed("rate-limited");
  await expect(read(TAG)).rejects.toMatchObject({
    name: "UpstreamError",
    failure: { kind: "rate-limited" },
  });
  expect(isKnownPublic(deps, APP)).toBe(false);
});

test("what is not public any more is forgotten at once", () => {
  rememberPublic(deps, APP);
  expect(isKnownPublic(deps, APP)).toBe(true);
  forgetPublic(deps, APP);
  expect(isKnownPublic(deps, APP)).toBe(false);
});
