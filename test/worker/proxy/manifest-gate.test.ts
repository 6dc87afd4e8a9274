import { createHash } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import type { SqlInventory } from "../../../worker/inventory/sql.ts";
import type { Digest } from "../../../worker/oci/digest.ts";
import type { Tag, TagOrDigest } from "../../../worker/oci/tag.ts";
import { DirectGate } from "../../../worker/proxy/manifest-gate.ts";
import { type Asking, Prover } from "../../../worker/proxy/proof.ts";
import { StoreError } from "../../../worker/store/errors.ts";
import { manifestName, tagName } from "../../../worker/store/keys.ts";
import type { Store, StoredManifest, StoredTag } from "../../../worker/store/store.ts";
import { UpstreamError, type UpstreamFailureKind } from "../../../worker/upstream/errors.ts";
import type { ManifestBody, ManifestHead, Upstream } from "../../../worker/upstream/upstream.ts";
import { createUpstreams } from "../../../worker/upstream/upstreams.ts";
import { createInventory, repositoryOf } from "../../helpers/inventory.ts";
import { NOON } from "../../helpers/ledger-events.ts";

const TTL = 60_000;
const APP = repositoryOf("team/app");
const TAG = "3" as Tag;
const BY_TAG: TagOrDigest = { kind: "tag", tag: TAG };
const MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json";

function manifestOf(text: string, algorithm: "sha256" | "sha512" = "sha256") {
  const bytes = new TextEncoder().encode(text);
  const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}` as Digest;
  return { digest, mediaType: MEDIA_TYPE, size: bytes.byteLength, bytes, quota: null };
}

const OLD = manifestOf('{"layers": []}');
const NEW = manifestOf('{"layers":  []}');

let clock: { now: number };
let hasAccount: boolean;
let inventory: SqlInventory;
let manifests: Map<string, StoredManifest>;
let tags: Map<string, StoredTag>;
let asked: string[];
/** What the registry has, for HEAD and GET. */
let head: ManifestHead | null;
let body: ManifestBody | null;
let failing: UpstreamFailureKind | null;
let gate: DirectGate;
let proofs: Set<number>;
/** Keys that were deleted from the store. */
let deleted: string[];
let isPrivate: boolean;

/** With an account it shows everything, without one nothing of what is not public. */
function registry(name: string, identity: "account" | "anonymous"): Upstream {
  const answer = async <T>(what: string, found: T): Promise<T | null> => {
    asked.push(`${identity} ${what}`);
    if (failing !== null) throw new UpstreamError({ kind: failing, upstream: name, message: "no" });
    return hasAccount && identity === "anonymous" ? null : found;
  };
  return {
    name,
    headManifest: () => answer("HEAD", head),
    getManifest: () => answer("GET", body),
    list: () => answer("list", null),
    headBlob: () => expect.fail("no blob is asked for"),
    openBlob: () => expect.fail("no blob is asked for"),
  };
}

const store: Pick<
  Store,
  | "getManifest"
  | "putManifest"
  | "getTag"
  | "putTag"
  | "deleteTag"
  | "addRepository"
  | "deleteObjects"
> = {
  getManifest: async (key, digest) => manifests.get(manifestName(key, digest)) ?? null,
  putManifest: async (key, manifest) =>
    void manifests.set(manifestName(key, manifest.digest), manifest),
  getTag: async (key, tag) => tags.get(tagName(key, tag)) ?? null,
  putTag: async (key, tag, stored) => void tags.set(tagName(key, tag), stored),
  deleteTag: async (key, tag) => void tags.delete(tagName(key, tag)),
  addRepository: async () => undefined,
  deleteObjects: async (keys) => void deleted.push(...keys),
};

beforeEach(() => {
  clock = { now: NOON };
  hasAccount = false;
  inventory = createInventory(clock);
  manifests = new Map();
  tags = new Map();
  asked = [];
  head = OLD;
  body = OLD;
  failing = null;
  proofs = new Set();
  deleted = [];
  isPrivate = false;
  const upstreams = createUpstreams({
    names: ["docker.io"],
    hasAccount: () => hasAccount,
    create: registry,
    withSources: (upstream) => upstream,
  });
  const log = {
    read: () => [...proofs][0] ?? null,
    write: (_key: unknown, provenAt: number) => void proofs.add(provenAt),
    clear: () => proofs.clear(),
  };
  const now = (): number => clock.now;
  const prover = new Prover({
    upstreams,
    proofs: log,
    publicTtlMs: TTL,
    isPublic: () => false,
    now,
  });
  const options = { store: store as Store, inventory, upstreams, prover, tagTtlMs: TTL, now };
  const surroundings = { waitUntil: () => undefined, warn: () => undefined };
  gate = new DirectGate({ ...options, ...surroundings, isPrivate: () => isPrivate });
});

function pull(target = BY_TAG, asking: Asking = "public") {
  return gate.pull(APP, target, asking);
}

function check(held = true, target = BY_TAG, asking: Asking = "public") {
  return gate.check(APP, target, { held, asking });
}

function storedTag(): StoredTag | null {
  return tags.get(tagName(APP, TAG)) ?? null;
}

describe("a pull", () => {
  test("that many wait for is one, counted for the first of them, and kept with its tag", async () => {
    const answers = await Promise.all([pull(), pull(), pull()]);
    expect(asked).toEqual(["anonymous GET"]);
    expect(answers.map((answer) => answer.kind === "found" && answer.asked)).toEqual([
      true,
      false,
      false,
    ]);
    expect([...manifests.values()]).toEqual([
      { digest: OLD.digest, mediaType: MEDIA_TYPE, bytes: OLD.bytes },
    ]);
    expect(storedTag()).toEqual({
      digest: OLD.digest,
      mediaType: MEDIA_TYPE,
      size: OLD.size,
      checkedAt: NOON,
      bytes: OLD.bytes,
    });
  });

  test("by digest of either kind is verified, and leaves the tags alone", async () => {
    for (const wanted of [OLD, manifestOf('{"layers": []}', "sha512")]) {
      body = { ...wanted, digest: null };
      const answer = await pull({ kind: "digest", digest: wanted.digest });
      expect(answer).toMatchObject({ kind: "found", value: { digest: wanted.digest } });
    }
    expect(tags.size).toBe(0);
  });

  test.each<[string, TagOrDigest, ManifestBody]>([
    ["another than the digest asked for", { kind: "digest", digest: OLD.digest }, NEW],
    ["another than was promised with it", BY_TAG, { ...NEW, digest: OLD.digest }],
    ["no JSON", BY_TAG, manifestOf("<html>")],
  ])("of %s is refused, and nothing of it is kept", async (_, target, wrong) => {
    body = wrong;
    expect(await pull(target)).toMatchObject({ kind: "failed", failure: { kind: "bad-response" } });
    expect([manifests.size, tags.size]).toEqual([0, 0]);
  });

  test("is served, and not kept, where the inventory cannot be told", async () => {
    inventory.addManifest = () =>
      Promise.reject(new StoreError("failed", { operation: "add", cause: "away" }));
    expect(await pull()).toMatchObject({ kind: "found" });
    expect(manifests.size).toBe(0);
  });
});

describe("what the upstream has withdrawn", () => {
  test.each<[string, () => Promise<{ readonly kind: string }>]>([
    ["pulled", () => pull()],
    ["checked", () => check()],
  ])("is forgotten when it is %s, and its proof too where it is hidden", async (_, ask) => {
    await pull();
    proofs.add(NOON);
    clock.now += TTL;
    head = body = null;
    expect((await ask()).kind).toBe("absent");
    expect(storedTag()).toBeNull();

    head = body = OLD;
    await pull();
    expect(storedTag()).not.toBeNull();
    proofs.add(NOON);
    clock.now += TTL;
    failing = "unauthorized";
    expect(await ask()).toMatchObject({ kind: "failed", failure: { kind: "unauthorized" } });
    expect(storedTag()).toBeNull();
    expect(proofs.size).toBe(0);
  });

  test("is named in the catalog no more where it is hidden, unless it is listed as private", async () => {
    failing = "unauthorized";
    isPrivate = true;
    await pull();
    expect(deleted).toEqual([]);
    isPrivate = false;
    for (let times = 0; times < 2; times += 1) await pull();
    expect(deleted).toEqual(["catalog/team/app"]);
  });

  test("is not what an outage hides", async () => {
    await pull();
    clock.now += TTL;
    failing = "timeout";
    expect((await check()).kind).toBe("failed");
    expect((await pull()).kind).toBe("failed");
    expect(storedTag()).not.toBeNull();
  });
});

describe("a check", () => {
  test("asks once in the time that a tag is fresh, and tells what is new", async () => {
    expect(await check()).toMatchObject({ kind: "found", asked: true, value: { checkedAt: NOON } });
    clock.now += TTL - 1;
    head = NEW;
    expect(await check()).toMatchObject({ asked: false, value: { digest: OLD.digest } });
    clock.now += 1;
    expect(await check()).toMatchObject({ asked: true, value: { digest: NEW.digest } });
    expect(asked).toEqual(["anonymous HEAD", "anonymous HEAD"]);
    expect(storedTag()).toMatchObject({ digest: NEW.digest, bytes: null });
  });

  test("writes nothing for ten minutes where the tag has not moved", async () => {
    await pull();
    clock.now = NOON + 599_999;
    await check();
    expect(storedTag()?.checkedAt).toBe(NOON);
    clock.now += TTL + 1;
    await check();
    expect(storedTag()).toMatchObject({ checkedAt: NOON + 660_000, bytes: OLD.bytes });
  });

  test.each<[string, ManifestHead]>([
    ["names no digest", { ...OLD, digest: null }],
    ["names no type", { ...OLD, mediaType: null }],
    ["names no size", { ...OLD, size: null }],
    ["names another digest", NEW],
  ])("that %s is made by a pull", async (_, said) => {
    head = said;
    const answer = await check(false, { kind: "digest", digest: OLD.digest });
    expect(answer).toMatchObject({ kind: "found", value: { digest: OLD.digest, size: OLD.size } });
    expect(asked).toEqual(["anonymous HEAD", "anonymous GET"]);
  });

  test("that failed is not made again for a while for who has something to serve", async () => {
    failing = "unreachable";
    expect((await check()).kind).toBe("failed");
    clock.now += 14_999;
    expect(await check()).toMatchObject({ kind: "failed", failure: { kind: "unreachable" } });
    expect(asked).toHaveLength(1);
    expect((await check(false)).kind).toBe("failed");
    expect(asked).toHaveLength(2);
    clock.now += 15_000;
    failing = null;
    expect((await check()).kind).toBe("found");
  });
});

describe("with an account", () => {
  beforeEach(() => {
    hasAccount = true;
  });

  test("who may have only what is public is asked for without it, and joins nobody who is not", async () => {
    await Promise.all([pull(BY_TAG, "anonymous"), pull(BY_TAG, "private")]);
    expect(asked.toSorted()).toEqual(["account GET", "anonymous GET"]);
    expect((await check(false, { kind: "tag", tag: "4" as Tag }, "anonymous")).kind).toBe("absent");
    expect(asked.at(-1)).toBe("anonymous HEAD");
    expect(proofs.size).toBe(0);
  });
});
