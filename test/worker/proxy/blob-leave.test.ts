import { beforeEach, describe, expect, test } from "vitest";
import type { SqlInventory } from "../../../worker/inventory/sql.ts";
import { type LeaveDeps, requireLeave } from "../../../worker/proxy/blob-leave.ts";
import { NamedBlobs } from "../../../worker/proxy/named-blobs.ts";
import {
  type Audience,
  type ProofAnswer,
  createProofMemory,
  isKnownPublic,
} from "../../../worker/proxy/proof.ts";
import { StoreError } from "../../../worker/store/errors.ts";
import type { RepositoryKey } from "../../../worker/store/store.ts";
import { UpstreamError, type UpstreamFailureKind } from "../../../worker/upstream/errors.ts";
import { createInventory, manifestOf, repositoryOf } from "../../helpers/inventory.ts";
import { NOON, digestOf } from "../../helpers/ledger-events.ts";

const APP = repositoryOf("team/app");
const OTHER = repositoryOf("team/other");
const BLOB = digestOf(7);

let inventory: SqlInventory;
/** What the gate says of the repository, */
let proof: ProofAnswer;
/** and what the registry shows this client of the blob. */
let head: { readonly size: number } | null;
let failing: UpstreamFailureKind | null;
let asked: string[];
let deps: LeaveDeps;

beforeEach(() => {
  inventory = createInventory({ now: NOON });
  proof = { kind: "proven" };
  head = null;
  failing = null;
  asked = [];
  const proofs = createProofMemory();
  deps = {
    proof: {
      proofs,
      gate: {
        async prove(key) {
          asked.push(`prove ${key.repository}`);
          return proof;
        },
      },
      publicTtlMs: 60_000,
      now: () => NOON,
    },
    named: new NamedBlobs(),
    inventory: { names: (key, digest) => inventory.names(key, digest) },
    shown: {
      name: "docker.io",
      async headBlob(repository) {
        asked.push(`HEAD ${repository}`);
        if (failing !== null)
          throw new UpstreamError({ kind: failing, upstream: "docker.io", message: "no" });
        return head;
      },
      headManifest: () => expect.fail("no manifest is asked for"),
      getManifest: () => expect.fail("no manifest is asked for"),
      openBlob: () => expect.fail("no bytes are asked for"),
      list: () => expect.fail("no list is asked for"),
    },
    warn: () => undefined,
  };
});

function leave(key: RepositoryKey = APP, audience: Audience = "public"): Promise<void> {
  return requireLeave(deps, key, { digest: BLOB, audience });
}

const UNKNOWN = { name: "RegistryError", code: "BLOB_UNKNOWN" };

describe("a blob is served through a repository", () => {
  test("that names it in memory or in the inventory, and may be read; then without a question", async () => {
    await inventory.addManifest(APP, manifestOf(1, [7]));
    await leave();
    expect(asked).toEqual(["prove team/app"]);
    inventory.names = () => expect.fail("it is in memory");
    await leave();
    expect(asked).toHaveLength(1);
  });

  test("that the registry shows it in, which is proof for whom everybody is", async () => {
    head = { size: 1 };
    await leave(APP, "private");
    expect(isKnownPublic(deps.proof, APP)).toBe(false);
    await leave(OTHER);
    expect(isKnownPublic(deps.proof, OTHER)).toBe(true);
    expect(asked).toEqual(["HEAD team/app", "HEAD team/other"]);
    await leave(OTHER);
    expect(asked).toHaveLength(2);
  });

  test("past an inventory that is away", async () => {
    deps = {
      ...deps,
      inventory: {
        names: () =>
          Promise.reject(new StoreError("failed", { operation: "names", cause: "away" })),
      },
    };
    await expect(leave()).rejects.toMatchObject(UNKNOWN);
    head = { size: 1 };
    await leave();
  });
});

describe("a blob is unknown, and stays so,", () => {
  test("in every other repository than those that name it", async () => {
    await inventory.addManifest(APP, manifestOf(1, [7]));
    await leave();
    for (let n = 0; n < 2; n += 1) await expect(leave(OTHER)).rejects.toMatchObject(UNKNOWN);
    expect(asked.slice(1)).toEqual(["HEAD team/other", "HEAD team/other"]);
  });

  test("in a repository that names it and may not be read", async () => {
    await inventory.addManifest(APP, manifestOf(1, [7]));
    proof = { kind: "absent" };
    for (let n = 0; n < 2; n += 1) await expect(leave()).rejects.toMatchObject(UNKNOWN);
    await leave(APP, "private");
    await expect(leave()).rejects.toMatchObject(UNKNOWN);
  });

  test("where the registry hides the repository; where it is away, that is what is said", async () => {
    failing = "unauthorized";
    await expect(leave()).rejects.toMatchObject(UNKNOWN);
    failing = "timeout";
    await expect(leave()).rejects.toMatchObject({ name: "UpstreamError" });
    expect(isKnownPublic(deps.proof, APP)).toBe(false);
  });
});

test("a bug in the inventory is no blob that is not there", async () => {
  deps = { ...deps, inventory: { names: () => Promise.reject(new TypeError("bug")) } };
  await expect(leave()).rejects.toThrow(TypeError);
});
