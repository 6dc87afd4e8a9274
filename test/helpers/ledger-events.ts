import { BatchBuilder } from "../../worker/ledger/batch.ts";
import type {
  BlobSum,
  Client,
  Fetched,
  LedgerBatch,
  PullEvent,
  SeenManifest,
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

let batches = 0;

/** A batch as an isolate's recorder makes it; `manifests` says what the pulled ones name. */
export function batch(
  part: Partial<Omit<LedgerBatch, "pulls" | "manifests">> & {
    readonly pulls?: readonly PullEvent[];
    readonly manifests?: readonly SeenManifest[];
  },
): LedgerBatch {
  const { pulls = [], manifests = [], lost = null, ...rest } = part;
  const builder = new BatchBuilder();
  for (const pull of pulls) {
    const named = manifests.find(
      (seen) =>
        seen.digest === pull.digest &&
        seen.repository === pull.repository &&
        seen.upstream === pull.upstream,
    );
    builder.pull(pull, () => named?.blobs ?? null);
  }
  return { ...builder.build(`test-${(batches += 1)}`, lost), ...rest };
}

export function pullOf(part: Partial<PullEvent>): PullEvent {
  return {
    timeMs: NOON,
    upstream: "docker.io",
    repository: "library/alpine" as RepositoryName,
    tag: "3" as Tag,
    digest: digestOf(1),
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    size: 500,
    outcome: "miss",
    counted: false,
    client: { address: "192.0.2.1", userAgent: "docker/29", token: "" },
    ...part,
  };
}

export function digestOf(n: number): Digest {
  return `sha256:${n.toString(16).padStart(64, "0")}` as Digest;
}

export function clientOf(userAgent: string): Client {
  return { address: "", userAgent, token: "" };
}

export function namesOf(part: Partial<SeenManifest>): SeenManifest {
  const { upstream, repository, mediaType } = pullOf({});
  const manifest = { upstream, repository, mediaType, digest: digestOf(1), size: 500 };
  return { ...manifest, blobs: [], ...part };
}

export function fetchedOf(part: Partial<Fetched>): Fetched {
  return { timeMs: NOON, upstream: "docker.io", bytes: 0, counted: false, ...part };
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
