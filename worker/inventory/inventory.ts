/**
 * The port to what is known of the store: every manifest, tag and blob in it, and what names what.
 *
 * It may know more than the store has, and never less of its manifests: a manifest is told here before it is stored,
 * and is forgotten here after it was deleted. Only so can a blob be deleted that nothing names.
 *
 * @module
 */
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/tag.ts";
import type { RepositoryKey } from "../store/store.ts";

/** A manifest that is about to be stored. */
export interface KnownManifest {
  readonly digest: Digest;
  /** Of its bytes. */
  readonly size: number;
  /** Blobs of an image, manifests of an index; may repeat. */
  readonly names: readonly Digest[];
  /** The manifest that it was made for, as a signature is; `null` for none. */
  readonly subject: Digest | null;
}

/** A tag that is about to be stored. */
export interface KnownTag {
  readonly tag: Tag;
  readonly digest: Digest;
  /** Bytes of the manifest that are stored with it; 0 for none. */
  readonly heldBytes: number;
}

/** A manifest that was asked for. */
export interface ManifestUse {
  readonly key: RepositoryKey;
  readonly digest: Digest;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
}

/** What is known of a digest that is asked for through a repository. */
export interface Naming {
  /** Whether a stored manifest of that repository names it. */
  readonly isNamed: boolean;
  /** Whether a registry has given or shown it, through any repository, to whoever may pull here. */
  readonly isShown: boolean;
}

/** What the store holds. */
export interface StoreUsage {
  /** Of manifests, tags and blobs. Chunks of fills are not counted: they are gone within the hour. */
  readonly usedBytes: number;
  readonly manifests: number;
  readonly blobs: number;
  /** Deleted by eviction since the inventory began. */
  readonly evictedBytes: number;
}

/** What serving and filling tell and ask. */
export interface Inventory {
  /**
   * Notes a manifest, to be called before it is stored. Waits for a deletion that is under way, so that none comes
   * after it.
   *
   * @returns whether it is the first that is known of the repository, which has to be listed then
   */
  addManifest(
    key: RepositoryKey,
    manifest: KnownManifest,
  ): Promise<{ readonly isNewRepository: boolean }>;
  /**
   * Notes a tag, to be called before it is stored.
   *
   * @returns whether its manifest is known; where not, and the tag holds its bytes, the manifest must be told too
   */
  addTag(key: RepositoryKey, tag: KnownTag): Promise<boolean>;
  /**
   * Notes a blob, to be called once it is stored. One that is never told is found by the sweep.
   *
   * @param blob - `isShown`: whether it was had through a repository that is public
   */
  addBlob(
    digest: Digest,
    blob: { readonly size: number; readonly isShown: boolean },
  ): Promise<void>;
  /** Notes that a registry has shown a digest in a public repository. Kept of what is named or stored. */
  addShown(digest: Digest): Promise<void>;
  /** Looks a digest up that is asked for through a repository. */
  find(key: RepositoryKey, digest: Digest): Promise<Naming>;
  /**
   * Notes that manifests were asked for. Written at most once an hour for each.
   *
   * @returns those that are not stored any more, which no memory should go on serving
   */
  use(uses: readonly ManifestUse[]): Promise<readonly ManifestUse[]>;
  usage(): Promise<StoreUsage>;
}
