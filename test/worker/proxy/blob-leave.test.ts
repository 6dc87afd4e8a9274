import { beforeEach, describe, expect, test } from "vitest";
import type { SqlInventory } from "../../../worker/inventory/sql.ts";
import { type Leave, type LeaveDeps, requireLeave } from "../../../worker/proxy/blob-leave.ts";
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
import type { Upstream } from "../../../worker/upstream/upstream.ts";
import { createInventory, manifestOf, repositoryOf } from "../../helpers/inventory.ts";
import { NOON, digestOf } from "../../helpers/ledger-events.ts";

const APP = repositoryOf("team/app");
const OTHER = repositoryOf("team/other");
const BLOB = digestOf(7);
const UNKNOWN = { name: "RegistryError", code: "BLOB_UNKNOWN" };

let inventory: SqlInventory;
/** What the gate says of the repository, */
let proof: ProofAnswer;
/** and whether the registry has the blob there. */
let isThere: boolean;
let failing: UpstreamFailureKind | null;
let asked: string[];
let deps: LeaveDeps;

function registry(identity: "account" | "anonymous"): Upstream {
  return {
    name: "docker.io",
    async headBlob(repository) {
      asked.push(`${identity} HEAD ${repository}`);
      if (failing !== null)
        throw new UpstreamError({ kind: failing, upstream: "docker.io", message: "no" });
      return isThere ? { size: 1 } : null;
    },
    headManifest: () => expect.fail("no manifest is asked for"),
    getManifest: () => expect.fail("no manifest is asked for"),
    openBlob: () => expect.fail("no bytes are asked for"),
    list: () => expect.fail("no list is asked for"),
  };
}

beforeEach(async () => {
  inventory = createInventory({ now: NOON });
  await inventory.addManifest(APP, manifestOf(1, [7]));
  proof = { kind: "proven" };
  isThere = false;
  failing = null;
  asked = [];
  deps = {
    proof: {
      proofs: createProofMemory(),
      gate: {
        async prove(key) {
          asked.push(`prove ${key.repository}`);
          return proof;
        },
      },
      publicTtlMs: 60_000,
      isPublic: () => false,
      now: () => NOON,
    },
    named: new NamedBlobs(),
    inventory,
    hasPrivate: false,
    upstream: registry("account"),
    shown: registry("anonymous"),
    warn: () => undefined,
  };
});

function leave(key: RepositoryKey = APP, audience: Audience = "public"): Promise<Leave> {
  return requireLeave(deps, key, { digest: BLOB, audience });
}

/** From here on the inventory must not be looked into. */
function forbidInventory(error: Error = new TypeError("it was looked into")): void {
  const find = async (): Promise<never> => {
    throw error;
  };
  deps = { ...deps, inventory: { find, addShown: (digest) => inventory.addShown(digest) } };
}

describe("a blob may be served through a repository", () => {
  test("that names it and may be read; then without a question", async () => {
    const { asking, from, confirm } = await leave();
    await confirm();
    expect([asking, from]).toEqual(["public", deps.upstream]);
    expect(asked).toEqual(["prove team/app"]);
    forbidInventory();
    await leave();
    await leave(APP, "private");
    expect(asked).toHaveLength(1);
  });

  test("that does not name it, where the registry has it there; then without a question", async () => {
    isThere = true;
    await leave(OTHER);
    expect(asked).toEqual(["prove team/other", "account HEAD team/other"]);
    forbidInventory();
    await leave(OTHER);
    expect(asked).toHaveLength(2);
  });

  test("past an inventory that is away, by the registry's word; a bug is thrown on", async () => {
    forbidInventory(new StoreError("failed", { operation: "find", cause: "away" }));
    await expect(leave()).rejects.toMatchObject(UNKNOWN);
    isThere = true;
    await leave();
    forbidInventory();
    await expect(leave(OTHER, "private")).rejects.toThrow(TypeError);
  });

  test("by what everybody is shown where that was its last proof", async () => {
    proof = {
      kind: "believed",
      failure: { kind: "timeout", upstream: "docker.io", message: "slow" },
    };
    expect(await leave()).toMatchObject({ asking: "anonymous", from: deps.shown });
    await expect(leave(OTHER)).rejects.toMatchObject(UNKNOWN);
    expect(asked.at(-1)).toBe("anonymous HEAD team/other");
  });

  test("that nobody was asked about once everybody is shown it, whatever is stored; that is proof", async () => {
    proof = { kind: "unasked" };
    await expect(leave()).rejects.toMatchObject(UNKNOWN);
    expect(isKnownPublic(deps.proof, APP)).toBe(false);
    isThere = true;
    await leave();
    expect(asked.filter((line) => line.includes("HEAD"))).toEqual([
      "anonymous HEAD team/app",
      "anonymous HEAD team/app",
    ]);
    expect(isKnownPublic(deps.proof, APP)).toBe(true);
  });
});

describe("a blob is unknown, and stays so,", () => {
  test("in every other repository than those that name it", async () => {
    await leave();
    for (let n = 0; n < 2; n += 1) await expect(leave(OTHER)).rejects.toMatchObject(UNKNOWN);
    await expect(leave(OTHER, "private")).rejects.toMatchObject(UNKNOWN);
  });

  test("in a repository that names it and may not be read, but for those who may", async () => {
    proof = { kind: "absent" };
    await expect(leave()).rejects.toMatchObject(UNKNOWN);
    await leave(APP, "private");
    await expect(leave()).rejects.toMatchObject(UNKNOWN);
    expect(isKnownPublic(deps.proof, APP)).toBe(false);
  });

  test("where the registry hides the repository; where it is away, that is what is said", async () => {
    failing = "unauthorized";
    await expect(leave(OTHER)).rejects.toMatchObject(UNKNOWN);
    failing = "timeout";
    await expect(leave(OTHER)).rejects.toMatchObject({ name: "UpstreamError" });
  });
});

describe("where the store holds what is private, a name alone", () => {
  beforeEach(() => {
    deps = { ...deps, hasPrivate: true };
  });

  test("gives nothing that others had until the registry shows it there, which is noted for all", async () => {
    for (let n = 0; n < 2; n += 1)
      await expect((await leave()).confirm()).rejects.toMatchObject(UNKNOWN);
    isThere = true;
    await (await leave()).confirm();
    expect(asked.filter((line) => line === "account HEAD team/app")).toHaveLength(3);
    expect(await inventory.find(APP, BLOB)).toEqual({ isNamed: true, isShown: true });
    isThere = false;
    await (await leave()).confirm();
    deps = { ...deps, named: new NamedBlobs() };
    await (await leave()).confirm();
    expect(asked.filter((line) => line === "account HEAD team/app")).toHaveLength(3);
  });

  test("is enough for a client that may read the repository in any case, and for no other by it", async () => {
    await (await leave(APP, "private")).confirm();
    expect(asked).toEqual([]);
    await expect((await leave()).confirm()).rejects.toMatchObject(UNKNOWN);
  });

  test("and a word that cannot be noted are enough", async () => {
    isThere = true;
    inventory.addShown = async () => {
      throw new StoreError("failed", { operation: "addShown", cause: "away" });
    };
    await (await leave()).confirm();
  });
});
