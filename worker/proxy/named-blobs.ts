import type { Digest } from "../oci/digest.ts";
import { readManifest } from "../oci/manifest.ts";
import { manifestName } from "../store/keys.ts";
import type { RepositoryKey, StoredManifest } from "../store/store.ts";
import { ByteLru } from "./byte-lru.ts";

/** 8 MiB: about 30,000 blobs of a repository each. What falls out is asked for again. */
const MAX_BYTES = 8 * 1024 * 1024;
const ENTRY_BYTES = 128;

/**
 * Which blobs the manifests of a repository name, as far as this isolate has served them: blobs are stored once for all
 * repositories, and are served for those alone that name them. Plain data, shared between requests.
 */
export class NamedBlobs {
  readonly #names = new ByteLru<string, "named" | "confirmed">(MAX_BYTES);

  /** A manifest is being served: what it names may be asked for next. */
  readFrom(key: RepositoryKey, manifest: StoredManifest): void {
    const { digest, mediaType, bytes } = manifest;
    if (this.has(key, digest)) return;
    const content = readManifest(new TextDecoder().decode(bytes), mediaType);
    for (const blob of content?.blobs ?? []) this.add(key, blob.digest);
    // Last: with it gone from memory, what it names is read again.
    this.add(key, digest);
  }

  add(key: RepositoryKey, digest: Digest): void {
    if (!this.has(key, digest)) this.#set(key, digest, "named");
  }

  has(key: RepositoryKey, digest: Digest): boolean {
    return this.#names.get(manifestName(key, digest)) !== undefined;
  }

  /** The registry has this blob in this repository, or it is everybody's: a manifest alone may name what it likes. */
  confirm(key: RepositoryKey, digest: Digest): void {
    this.#set(key, digest, "confirmed");
  }

  isConfirmed(key: RepositoryKey, digest: Digest): boolean {
    return this.#names.get(manifestName(key, digest)) === "confirmed";
  }

  #set(key: RepositoryKey, digest: Digest, what: "named" | "confirmed"): void {
    const name = manifestName(key, digest);
    this.#names.set(name, what, ENTRY_BYTES + name.length);
  }
}
