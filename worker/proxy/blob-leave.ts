import type { Inventory } from "../inventory/inventory.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error-code.ts";
import { StoreError } from "../store/errors.ts";
import type { RepositoryKey } from "../store/store.ts";
import { UpstreamError, isAway } from "../upstream/errors.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { NamedBlobs } from "./named-blobs.ts";
import { type Audience, type ProofDeps, rememberPublic, requireReadable } from "./proof.ts";

/** What deciding on a blob needs. */
export interface LeaveDeps {
  readonly proof: ProofDeps;
  readonly named: NamedBlobs;
  readonly inventory: Pick<Inventory, "names">;
  /** The registry as the client may see it: without the operator's account, unless it may read this repository. */
  readonly shown: Upstream;
  readonly warn: (message: string, error: unknown) => void;
}

const DEADLINE_MS = 10_000;

/**
 * Makes sure that a blob may be served through a repository: the repository may be read, and it names the blob. Blobs
 * are stored and filled once for all repositories, so this comes before store and fill are looked at.
 *
 * Known in memory, as on every usual pull, it costs nothing; else the inventory is asked, and where that does not know
 * of the blob, the registry by HEAD.
 *
 * @throws {@link RegistryError} `BLOB_UNKNOWN`, whether it is not there or not for this client
 * @throws {@link UpstreamError} where only the upstream could say and it is away
 */
export async function requireLeave(
  deps: LeaveDeps,
  key: RepositoryKey,
  wanted: { readonly digest: Digest; readonly audience: Audience },
): Promise<void> {
  const { digest, audience } = wanted;
  if (deps.named.has(key, digest) || (await isInInventory(deps, key, digest))) {
    const probe = { kind: "blob", digest } as const;
    await requireReadable(deps.proof, key, { audience, probe });
  } else {
    if (!(await isShown(deps, key, digest))) throw new RegistryError("BLOB_UNKNOWN");
    if (audience === "public") rememberPublic(deps.proof, key);
  }
  deps.named.add(key, digest);
}

async function isInInventory(
  deps: LeaveDeps,
  key: RepositoryKey,
  digest: Digest,
): Promise<boolean> {
  try {
    return await deps.inventory.names(key, digest);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    deps.warn("a blob is looked up past the inventory", error);
    return false;
  }
}

async function isShown({ shown }: LeaveDeps, key: RepositoryKey, digest: Digest): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    return (await shown.headBlob(key.repository, digest, signal)) !== null;
  } catch (error) {
    if (error instanceof UpstreamError && !isAway(error.failure)) return false;
    throw error;
  }
}
