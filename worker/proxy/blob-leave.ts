import type { Inventory, Naming } from "../inventory/inventory.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error-code.ts";
import { StoreError } from "../store/errors.ts";
import type { RepositoryKey } from "../store/store.ts";
import { UpstreamError, isAway } from "../upstream/errors.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { NamedBlobs } from "./named-blobs.ts";
import {
  type Asking,
  type Audience,
  type ProofDeps,
  askingOf,
  rememberPublic,
  requireReadable,
} from "./proof.ts";

/** What deciding on a blob needs. */
export interface LeaveDeps {
  readonly proof: ProofDeps;
  readonly named: NamedBlobs;
  readonly inventory: Pick<Inventory, "find" | "addShown">;
  /** Whether anything may be stored that is not for everybody. */
  readonly hasPrivate: boolean;
  readonly upstream: Upstream;
  /** The registry as the client may see it: without the operator's account, unless it may read this repository. */
  readonly shown: Upstream;
  readonly warn: (message: string, error: unknown) => void;
}

const DEADLINE_MS = 10_000;
const UNKNOWN: Naming = { isNamed: false, isShown: false };

/** Leave to serve a blob through a repository. */
export interface Leave {
  /** In whose name it may be asked for where it is not held. */
  readonly asking: Asking;
  /** The registry in that name. */
  readonly from: Upstream;
  /**
   * To be called before bytes go out that others had: makes sure that the registry has this blob in this repository.
   *
   * @throws {@link RegistryError} `BLOB_UNKNOWN` where it has not
   */
  readonly confirm: () => Promise<void>;
}

const CONFIRMED = { confirm: () => Promise.resolve() };

/**
 * Makes sure that a blob may be served through a repository: the repository may be read, and it names the blob. Blobs
 * are stored and filled once for all repositories, so this comes before store and fill are looked at.
 *
 * A name is not enough where the store also holds what is private: whoever has a public repository at a registry that
 * does not look closely can push a manifest that names another repository's layer. There what is held must have been had
 * through a public repository once, or the registry must show it in this one.
 *
 * Known in memory, as on every usual pull, it costs nothing; else the inventory is asked, and where that does not know
 * enough of the blob, the registry by HEAD.
 *
 * @throws {@link RegistryError} `BLOB_UNKNOWN`, whether it is not there or not for this client
 * @throws {@link UpstreamError} where only the upstream could say and it is away
 */
export async function requireLeave(
  deps: LeaveDeps,
  key: RepositoryKey,
  wanted: { readonly digest: Digest; readonly audience: Audience },
): Promise<Leave> {
  const { digest, audience } = wanted;
  const { named, proof, hasPrivate } = deps;
  const standing = await requireReadable(proof, key, { audience, probe: { kind: "blob", digest } });
  const from = standing.kind === "readable" ? deps.upstream : deps.shown;
  const requireShown = async (): Promise<void> => {
    if (!(await isShown(from, key, digest))) throw new RegistryError("BLOB_UNKNOWN");
    named.confirm(key, digest);
  };
  const leave: Leave = { asking: askingOf(audience, standing), from, ...CONFIRMED };
  if (standing.kind === "unasked") {
    await requireShown();
    rememberPublic(proof, key);
    return leave;
  }
  if (named.isConfirmed(key, digest)) return leave;
  const mustBeShown = hasPrivate && audience === "public";
  const isNamed = named.has(key, digest);
  if (isNamed && !mustBeShown) return leave;
  const found = await find(deps, key, digest);
  if (!isNamed && !found.isNamed) {
    await requireShown();
    return leave;
  }
  if (found.isShown) named.confirm(key, digest);
  else named.add(key, digest);
  if (found.isShown || !mustBeShown) return leave;
  return {
    ...leave,
    confirm: async () => {
      await requireShown();
      await noteShown(deps, digest);
    },
  };
}

async function find(deps: LeaveDeps, key: RepositoryKey, digest: Digest): Promise<Naming> {
  try {
    return await deps.inventory.find(key, digest);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    deps.warn("a blob is looked up past the inventory", error);
    return UNKNOWN;
  }
}

/** Asked once for all isolates, as far as the inventory takes it. */
async function noteShown(deps: LeaveDeps, digest: Digest): Promise<void> {
  try {
    await deps.inventory.addShown(digest);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    deps.warn("a blob's being public could not be noted", error);
  }
}

async function isShown(upstream: Upstream, key: RepositoryKey, digest: Digest): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    return (await upstream.headBlob(key.repository, digest, signal)) !== null;
  } catch (error) {
    if (error instanceof UpstreamError && !isAway(error.failure)) return false;
    throw error;
  }
}
