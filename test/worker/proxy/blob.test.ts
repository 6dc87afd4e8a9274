import { beforeEach, expect, test } from "vitest";
import type { Digest } from "../../../worker/oci/digest.ts";
import { type BlobDeps, openBlob } from "../../../worker/proxy/blob.ts";
import type { FillStart } from "../../../worker/proxy/blob-fill.ts";
import { NamedBlobs } from "../../../worker/proxy/named-blobs.ts";
import { createProofMemory, rememberPublic } from "../../../worker/proxy/proof.ts";
import { syntheticContent } from "../../helpers/images.ts";
import { repositoryOf } from "../../helpers/inventory.ts";
import { NOON } from "../../helpers/ledger-events.ts";

const APP = repositoryOf("team/app");
const content = syntheticContent(5000);
const digest = content.digest as Digest;

/** How many calls of the fill's object are lost to a reset before one comes through. */
let resets: number;
let isStored: boolean;
let pastTheStore: number;

beforeEach(() => {
  resets = 0;
  isStored = false;
  pastTheStore = 0;
});

function streamOf(): ReadableStream<Uint8Array> {
  return new Response(new Uint8Array(content.read(0, content.size))).body!;
}

function createDeps(): BlobDeps {
  const named = new NamedBlobs();
  named.add(APP, digest);
  const proofs = createProofMemory();
  const proof = {
    proofs,
    gate: { prove: () => expect.fail("it is known to be public") },
    isPublic: () => false,
    publicTtlMs: 3_600_000,
    now: () => NOON,
  };
  rememberPublic(proof, APP);
  const upstream = {
    name: "docker.io",
    async openBlob() {
      pastTheStore += 1;
      return { body: streamOf(), size: content.size, range: { first: 0, last: 0 } };
    },
  };
  const deps = {
    store: {
      openBlob: async () =>
        isStored ? { body: streamOf(), size: content.size, range: null } : null,
    },
    upstream,
    fill: {
      async open(): Promise<FillStart> {
        resets -= 1;
        if (resets >= 0) throw new Error("the object was reset");
        isStored = true;
        return { kind: "stored", isForAll: true };
      },
    },
    leave: { proof, named, hasPrivate: false, upstream, shown: upstream },
    waitUntil: () => undefined,
    warn: () => undefined,
  };
  return deps as unknown as BlobDeps;
}

async function open() {
  return await openBlob(createDeps(), { key: APP, digest, audience: "public", range: null });
}

test("a fill whose object is reset while it is asked is asked again", async () => {
  resets = 1;
  expect(await open()).toMatchObject({ outcome: "miss", size: content.size });
  expect(pastTheStore).toBe(0);
});

test("one that cannot be reached at all leaves the client to the upstream", async () => {
  resets = 100;
  expect(await open()).toMatchObject({ outcome: "miss", isPassed: true });
  expect(pastTheStore).toBe(1);
});
