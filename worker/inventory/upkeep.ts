/**
 * The port to what eviction and the sweep do with the inventory. It lives where the inventory does: each call is one
 * transaction, and nothing else happens meanwhile.
 *
 * @module
 */
import type { Digest } from "../oci/digest.ts";
import type { ListedObject, RepositoryKey } from "../store/store.ts";

/** What may be taken. */
export interface Taking {
  /** Only what was written before: a put that was told of may still be under way. Milliseconds since the epoch. */
  readonly writtenBeforeMs: number;
  /** Only what was last used before; `null` for whatever was used longest ago. */
  readonly usedBeforeMs: number | null;
  /** Takes no more than have to go to free this many; `null` for as many as fit into a batch. */
  readonly bytes: number | null;
}

/** Manifests to be deleted together, with all that goes with them. */
export interface ManifestBatch {
  readonly ids: readonly number[];
  /** Keys in the store: manifests, tags, and the catalog's entry of a repository that has no other manifest. */
  readonly keys: readonly string[];
}

/** A page of a list of the store, to be compared with what is known. */
export interface ListedPage {
  readonly kind: "manifests" | "tags" | "blobs";
  /** The name that the page begins after; `null` for the first. */
  readonly after: string | null;
  readonly objects: readonly ListedObject[];
  /** Whether nothing of the kind follows. */
  readonly isLast: boolean;
  /** What was written since may not be listed yet. */
  readonly writtenBeforeMs: number;
}

/** What a comparison found. */
export interface Comparison {
  /** Objects in the store that were not known. */
  readonly unknown: readonly ListedObject[];
  /** So far the page was compared; `null` to its end. */
  readonly upTo: string | null;
}

/** What eviction and the sweep need. */
export interface InventoryUpkeep {
  /** Bytes in the store, by what is known. */
  usedBytes(): number;
  /** The manifests that were used longest ago, none that an index keeps; what refers to one goes with it. */
  pickManifests(taking: Taking): ManifestBatch;
  /** Forgets manifests that were deleted. Their blobs are named by nothing, then, or by others. */
  dropManifests(batch: ManifestBatch): void;
  /** Stored blobs that no manifest names, oldest first, at most a thousand. */
  pickBlobs(storedBeforeMs: number): readonly Digest[];
  dropBlobs(digests: readonly Digest[]): void;
  /** Tags of a manifest that is not stored, which nobody asked for since, at most a thousand; as names. */
  pickTags(writtenBeforeMs: number): readonly string[];
  dropTags(names: readonly string[]): void;
  /** Forgets what the page shows to be gone. */
  compare(page: ListedPage): Comparison;
  /** Notes a blob that the sweep has found. */
  foundBlob(digest: Digest, found: { readonly size: number; readonly storedMs: number }): void;
  /** Whether any manifest of a repository is known. */
  hasManifests(key: RepositoryKey): boolean;
  /** A value that outlives the object's memory: cursors and when something was last done. */
  read(name: string): string | null;
  write(name: string, value: string | null): void;
}
