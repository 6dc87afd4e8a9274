import { readAddress } from "../access/address.ts";
import type { ClientIdentity } from "../access/identity.ts";
import type { Client } from "../ledger/ledger.ts";
import type { BlobDeps } from "../proxy/blob.ts";
import type { ManifestDeps } from "../proxy/manifest.ts";
import type { Flushing, Recorder } from "../proxy/recorder.ts";
import type { RepositoryName } from "../oci/repository.ts";
import { canonicalDockerHubName } from "../oci/repository.ts";
import type { Activity } from "../page/status.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryKey, Store } from "../store/store.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** What recording an answer needs. */
interface RecordDeps {
  readonly recorder: Recorder;
  readonly flushing: Flushing;
  /** The name under which the upstream's limit is kept. */
  readonly credential: string;
  /** Whether no edge stands before the mirror, which would vouch for addresses. */
  readonly local: boolean;
}

/** What the routes need, made by the entry for each request. */
export interface RouteDeps {
  /** Who asks, as the rules of access let them in. */
  readonly identity: ClientIdentity;
  readonly store: Store;
  readonly upstream: Upstream;
  readonly manifests: (key: RepositoryKey) => ManifestDeps;
  readonly blobs: (digest: Digest) => BlobDeps;
  /** What the pull log tells, for the status page; absent where no log is kept. */
  readonly status?: () => Promise<Activity>;
  readonly records: RecordDeps;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Names the repository in the store and upstream: `alpine` is `library/alpine` at Docker Hub. */
export function repositoryKey(deps: RouteDeps, name: RepositoryName): RepositoryKey {
  return { upstream: deps.upstream.name, repository: canonicalDockerHubName(name) };
}

/** Whom an answer goes to. */
export function clientOf({ records, identity }: RouteDeps, request: Request): Client {
  return {
    address: readAddress(request, records.local),
    userAgent: request.headers.get("User-Agent") ?? "",
    token: identity.token ?? "",
  };
}
