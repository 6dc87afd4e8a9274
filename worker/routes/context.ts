import { readAddress } from "../access/address.ts";
import type { ClientIdentity } from "../access/identity.ts";
import type { Client } from "../ledger/ledger.ts";
import type { RepositoryList } from "../proxy/repository-list.ts";
import type { Audience, ProofDeps } from "../proxy/proof.ts";
import type { BlobDeps } from "../proxy/blob.ts";
import type { ManifestDeps } from "../proxy/manifest.ts";
import type { Flushing, Recorder } from "../proxy/recorder.ts";
import { RegistryError } from "../oci/error-code.ts";
import type { RepositoryPath } from "../oci/path.ts";
import type { Activity } from "../page/status.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryKey, Store } from "../store/store.ts";
import type { Upstream, Upstreams } from "../upstream/upstream.ts";

/** Longer ones are no client's but somebody's joke. */
const MAX_USER_AGENT = 256;

/** What recording an answer needs. */
interface RecordDeps {
  readonly recorder: Recorder;
  readonly flushing: Flushing;
  /** The name under which an upstream's limit is kept. */
  readonly credential: (upstream: string) => string;
  /** Whether no edge stands before the mirror, which would vouch for addresses. */
  readonly local: boolean;
}

/** What the routes need, made by the entry for each request. */
export interface RouteDeps {
  /** Who asks, as the rules of access let them in. */
  readonly identity: ClientIdentity;
  readonly store: Store;
  readonly upstreams: Upstreams;
  readonly manifests: (key: RepositoryKey) => ManifestDeps;
  readonly blobs: (found: FoundRepository, digest: Digest) => BlobDeps;
  readonly proof: (key: RepositoryKey) => ProofDeps;
  readonly privateRepositories: RepositoryList;
  /** What counts as public without a proof. */
  readonly isPublic: (key: RepositoryKey) => boolean;
  /** What the pull log tells, for the status page; absent where no log is kept. */
  readonly status?: () => Promise<Activity>;
  readonly records: RecordDeps;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A repository of a listed registry, as the client may see it. */
export interface FoundRepository {
  readonly key: RepositoryKey;
  readonly audience: Audience;
  readonly upstream: Upstream;
  /** Without the operator's account, unless the client may read all that it can of this repository. */
  readonly shown: Upstream;
}

/** Whether a client may see a repository that is not public. */
function audienceOf(deps: RouteDeps, key: RepositoryKey): Audience {
  const isTrusted = deps.identity.rule === "token" && deps.privateRepositories.has(key);
  return isTrusted ? "private" : "public";
}

/** Whether the name of a repository may be told: those that are not public are for clients that may read them, and for who runs the mirror. */
export function isTold({ identity, privateRepositories }: RouteDeps, key: RepositoryKey): boolean {
  const isTrusted = identity.rule === "token" || identity.rule === "admin";
  return isTrusted || !privateRepositories.has(key);
}

/**
 * Finds the registry that a path names, and its repository's name in the store.
 *
 * @throws {@link RegistryError} `NAME_UNKNOWN` for a registry that is not listed: containerd then goes there itself
 */
export function findRepository(deps: RouteDeps, path: RepositoryPath): FoundRepository {
  const { registry, name } = path;
  const upstream = deps.upstreams.find(registry);
  const anonymous = deps.upstreams.findAnonymous(registry);
  if (upstream === null || anonymous === null)
    throw new RegistryError("NAME_UNKNOWN", {
      message: `this mirror does not serve ${registry}; its operator can list it in UPSTREAMS`,
      detail: { registry },
    });
  const key = { upstream: upstream.name, repository: name };
  const audience = audienceOf(deps, key);
  const isOpen = audience === "private" || deps.isPublic(key);
  return { key, audience, upstream, shown: isOpen ? upstream : anonymous };
}

/** Whom an answer goes to. */
export function clientOf({ records, identity }: RouteDeps, request: Request): Client {
  return {
    address: readAddress(request, records.local),
    userAgent: (request.headers.get("User-Agent") ?? "").slice(0, MAX_USER_AGENT),
    token: identity.token ?? "",
  };
}
