import type {
  BlobSum,
  Client,
  LedgerBatch,
  ManifestNames,
  PullEvent,
} from "../../worker/ledger/ledger.ts";
import type { Digest } from "../../worker/oci/digest.ts";
import type { RepositoryName } from "../../worker/oci/repository.ts";
import type { Tag } from "../../worker/oci/tag.ts";

/** A whole hour. */
export const NOON: number = Date.UTC(2026, 10, 2, 12);

export const everything = {
  repository: null,
  digest: null,
  sinceMs: 0,
  untilMs: Number.MAX_SAFE_INTEGER,
  after: null,
  limit: 100,
};

export function batch(part: Partial<LedgerBatch>): LedgerBatch {
  const lists = { pulls: [], tags: [], manifests: [], blobs: [], fetched: [], quotas: [] };
  return { ...lists, failures: {}, lost: null, ...part };
}

let serial = 0;
export function pullOf(part: Partial<PullEvent>): PullEvent {
  return {
    id: `test-${String((serial += 1)).padStart(6, "0")}`,
    timeMs: NOON,
    upstream: "docker.io",
    repository: "library/alpine" as RepositoryName,
    tag: "3" as Tag,
    digest: digestOf(1),
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    size: 500,
    outcome: "miss",
    counted: false,
    client: { address: "192.0.2.1", userAgent: "docker/29" },
    ...part,
  };
}

export function digestOf(n: number): Digest {
  return `sha256:${n.toString(16).padStart(64, "0")}` as Digest;
}

export function clientOf(userAgent: string): Client {
  return { address: "", userAgent };
}

export function namesOf(part: Partial<ManifestNames>): ManifestNames {
  const { upstream, repository } = pullOf({});
  return { upstream, repository, digest: digestOf(1), size: 500, blobs: [], ...part };
}

export function blobOf(part: Partial<BlobSum>): BlobSum {
  const { upstream, repository } = pullOf({});
  return {
    upstream,
    repository,
    digest: digestOf(7),
    client: clientOf("mine"),
    timeMs: NOON + 10,
    hits: 0,
    misses: 0,
    bytes: 0,
    ...part,
  };
}
