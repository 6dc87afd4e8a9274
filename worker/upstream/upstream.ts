/**
 * The port to an upstream registry. Absence is `null`; everything else that keeps it from answering is an
 * {@link UpstreamError}.
 *
 * @module
 */
import type { Digest } from "../oci/digest.ts";
import type { ByteRange } from "../oci/range.ts";
import type { RepositoryName } from "../oci/repository.ts";
import type { TagOrDigest } from "../oci/tag.ts";
import type { Quota } from "./quota.ts";

/** What an upstream says of a manifest without sending it. */
export interface ManifestHead {
  /** `null` where the upstream did not say. */
  readonly digest: Digest | null;
  readonly mediaType: string | null;
  readonly size: number | null;
  readonly quota: Quota | null;
}

/** A manifest's bytes, at most `MAX_MANIFEST_BYTES`, not yet verified. */
export interface ManifestBody extends ManifestHead {
  readonly bytes: Uint8Array;
  /** `false` where they came from a source that counts no pulls; counted where it is absent. */
  readonly isCounted?: boolean;
}

/** Where a blob's bytes are for the next minutes; holds a signature, so it is never logged or shown. */
export type BlobLocation = string;

/** An open answer with a blob's bytes. The body streams and is not yet verified. */
export interface BlobBody {
  readonly body: ReadableStream<Uint8Array>;
  /** Size of the whole blob in bytes; `null` where the upstream sent neither a length nor a plain encoding. */
  readonly size: number | null;
  /** The bytes that come; `null` where the upstream ignored the range and sends all of them. */
  readonly range: ByteRange | null;
  /** To be given back for the blob's next range; `null` where the registry itself served the bytes. */
  readonly location: BlobLocation | null;
}

/** What of a blob is asked for. */
export interface BlobRequest {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  /** `null` for all of it. */
  readonly range: ByteRange | null;
  /** From an earlier {@link BlobBody}; asked again at the registry where it has expired. */
  readonly location: BlobLocation | null;
}

/** A list endpoint's page, passed on as it came. */
export interface ListPage {
  readonly body: unknown;
  /** Query of the next page; `null` on the last. */
  readonly next: Readonly<Record<string, string>> | null;
  readonly headers: Headers;
}

/** The registries that are pulled from, and no others. */
export interface Upstreams {
  /** `docker.io` first, then the others in lexical order. */
  readonly names: readonly string[];
  /** `null` for a registry that the operator has not listed: it is asked nothing, not even its address. */
  readonly find: (name: string) => Upstream | null;
  /** The same registry without the operator's account: what it shows is public. The same client where there is none. */
  readonly findAnonymous: (name: string) => Upstream | null;
  /** The same registry for what is proven public, which its sources may be asked for. */
  readonly findPublic: (name: string) => Upstream | null;
}

/** A registry that is pulled from. Every call ends when its signal does. */
export interface Upstream {
  /** As in `docker.io`: the first part of every store key. */
  readonly name: string;
  /** Asks for a manifest's digest. Docker Hub does not count it as a pull. */
  headManifest(
    repository: RepositoryName,
    target: TagOrDigest,
    signal: AbortSignal,
  ): Promise<ManifestHead | null>;
  /** Gets a manifest. Docker Hub counts it as a pull. */
  getManifest(
    repository: RepositoryName,
    target: TagOrDigest,
    signal: AbortSignal,
  ): Promise<ManifestBody | null>;
  /** Opens a blob or a range of it, following redirects. `signal` also ends the body. */
  openBlob(request: BlobRequest, signal: AbortSignal): Promise<BlobBody | null>;
  /**
   * The last blob's bytes were wrong.
   *
   * @returns whether it will be asked for elsewhere next time
   */
  distrustBlob?(): boolean;
  /** Asks for a blob's size; `null` where it is not there. */
  headBlob(
    repository: RepositoryName,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly size: number | null } | null>;
  /** Reads a page of `tags/list` or `referrers/<digest>`. */
  list(
    repository: RepositoryName,
    path: { readonly rest: string; readonly query: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<ListPage | null>;
}
