import { type Digest, digestAlgorithm, formatDigest } from "../oci/digest.ts";
import { type RepositoryName, parseRepository } from "../oci/repository.ts";
import type { TagOrDigest } from "../oci/tag.ts";
import { UpstreamError } from "./errors.ts";
import type { BlobBody, BlobLocation, BlobRequest, ManifestBody, Upstream } from "./upstream.ts";

/**
 * Which sources are passed over for now, shared by all requests of an isolate: plain data, in milliseconds since the epoch.
 */
export type RestingSources = Map<string, number>;

/** What {@link createSourcedUpstream} works with. */
export interface SourcesOptions {
  /** Whose word counts: it resolves tags, and says which digests there are. */
  readonly authority: Upstream;
  /** Asked by digest alone, in this order, anonymously. */
  readonly sources: readonly Upstream[];
  readonly resting: RestingSources;
  /** A source sent other bytes than those of the digest. */
  readonly lied: (source: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A source has this long to begin its answer: the authority is still there. */
const ANSWER_MS = 3_000;
/** One that is away is not asked again for so long, */
const REST_MS = 30_000;
/** and one that sent wrong bytes for so long. */
const DISTRUST_MS = 3_600_000;

/**
 * Has a registry's public content from other places that have the same digests, and from itself where they have not.
 *
 * The digest is always the registry's own, by a HEAD that it does not count, so a source can be late or absent but never
 * say what an image is: bytes that are not the digest's are refused, and the next place is asked.
 */
export function createSourcedUpstream(options: SourcesOptions): Upstream {
  const { authority } = options;
  const sourced = new Sourced(options);
  return {
    ...authority,
    getManifest: (repository, target, signal) => sourced.getManifest(repository, target, signal),
    openBlob: (request, signal) => sourced.openBlob(request, signal),
    distrustBlob: () => sourced.distrustBlob(),
  };
}

class Sourced {
  readonly #options: SourcesOptions;
  /** Who gave each location, which has to be given back to the same. */
  readonly #locations = new Map<BlobLocation, Upstream>();
  #lastBlobFrom: Upstream | null = null;

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  async getManifest(
    repository: RepositoryName,
    target: TagOrDigest,
    signal: AbortSignal,
  ): Promise<ManifestBody | null> {
    const { authority } = this.#options;
    if (this.#awake().length === 0) return await authority.getManifest(repository, target, signal);
    // Of a digest too: what the registry does not show, or has not, is not had elsewhere in its name.
    const head = await authority.headManifest(repository, target, signal);
    if (head === null) return null;
    for (const source of head.digest === null ? [] : this.#awake()) {
      const byDigest = { kind: "digest", digest: head.digest as Digest } as const;
      const body = await this.#try(source, signal, (until) =>
        source.getManifest(repository, byDigest, until),
      );
      if (body === null) continue;
      const { digest, quota } = head;
      // The type is no part of the digest: the registry's word again.
      const mediaType = head.mediaType ?? body.mediaType;
      if (await isOf(byDigest.digest, body.bytes))
        return { ...body, digest, mediaType, quota, isCounted: false };
      this.#distrust(source);
    }
    return await authority.getManifest(repository, target, signal);
  }

  async openBlob(request: BlobRequest, signal: AbortSignal): Promise<BlobBody | null> {
    const { authority } = this.#options;
    const giver = request.location === null ? null : this.#locations.get(request.location);
    const from = giver === null || giver === undefined ? null : giver;
    const fresh = { ...request, location: null };
    // A location goes back to who gave it, or to nobody.
    for (const source of this.#awake()) {
      if (from !== null && from !== source) continue;
      const asked = from === null ? fresh : request;
      const body = await this.#try(source, signal, (until) => source.openBlob(asked, until));
      if (body !== null) return this.#given(source, body);
    }
    const body = await authority.openBlob(from === authority ? request : fresh, signal);
    return body === null ? null : this.#given(authority, body);
  }

  /** @returns whether somebody else can be asked for the same blob */
  distrustBlob(): boolean {
    const from = this.#lastBlobFrom;
    if (from === null || from === this.#options.authority) return false;
    this.#distrust(from);
    return true;
  }

  #given(from: Upstream, body: BlobBody): BlobBody {
    this.#lastBlobFrom = from;
    if (body.location !== null) this.#locations.set(body.location, from);
    return body;
  }

  #awake(): readonly Upstream[] {
    const { sources, resting, now } = this.#options;
    return sources.filter(({ name }) => (resting.get(name) ?? 0) <= now());
  }

  #distrust(source: Upstream): void {
    this.#rest(source, DISTRUST_MS);
    this.#options.lied(source.name);
  }

  #rest({ name }: Upstream, ms: number): void {
    this.#options.resting.set(name, this.#options.now() + ms);
  }

  /** @returns `null` where the source has it not, or does not begin to answer in time */
  async #try<T>(
    source: Upstream,
    signal: AbortSignal,
    ask: (until: AbortSignal) => Promise<T | null>,
  ): Promise<T | null> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), ANSWER_MS);
    try {
      return await ask(AbortSignal.any([signal, late.signal]));
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      // A refusal is of this repository; anything else is the source's own trouble.
      if (error.failure.kind !== "unauthorized") this.#rest(source, REST_MS);
      if (signal.aborted) throw error;
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}

async function isOf(digest: Digest, bytes: Uint8Array): Promise<boolean> {
  const algorithm = digestAlgorithm(digest);
  const hash = await crypto.subtle.digest(algorithm === "sha256" ? "SHA-256" : "SHA-512", bytes);
  return formatDigest(algorithm, hash) === digest;
}

/** A source as `SOURCES` names it. */
export interface Source {
  readonly name: string;
  /** Its API's origin. */
  readonly url: URL;
  /** What its names of Docker Hub's repositories begin with, as `docker` at public.ecr.aws; `null` for nothing. */
  readonly prefix: RepositoryName | null;
}

/**
 * Reads `SOURCES`: host names or addresses of registries, parted by commas or blanks, with the beginning of their
 * repositories' names as the path.
 *
 * @param readUrl - reads an address, or refuses it
 * @param refuse - called with what is wrong; must throw
 */
export function parseSources(
  text: string,
  readUrl: (text: string) => URL,
  refuse: (problem: string) => never,
): readonly Source[] {
  const items = text.split(/[\s,]+/).filter((item) => item !== "");
  return items.map((item) => {
    const address = readUrl(item.includes("://") ? item : `https://${item}`);
    const path = address.pathname.replace(/^\/|\/$/g, "");
    const url = new URL(address.origin);
    if (path === "") return { name: url.host, url, prefix: null };
    const prefix =
      parseRepository(path) ??
      refuse("has a path that no repository's name begins with, as in public.ecr.aws/docker");
    return { name: `${url.host}/${path}`, url, prefix };
  });
}

/** The same source by Docker Hub's names. */
export function withPrefix(source: Upstream, prefix: RepositoryName): Upstream {
  const named = (repository: RepositoryName): RepositoryName => {
    const found = parseRepository(`${prefix}/${repository}`);
    if (found !== null) return found;
    const message = "a repository's name that is too long there";
    throw new UpstreamError({ kind: "bad-response", upstream: source.name, message });
  };
  return {
    ...source,
    headManifest: (name, target, signal) => source.headManifest(named(name), target, signal),
    getManifest: (name, target, signal) => source.getManifest(named(name), target, signal),
    openBlob: (request, signal) =>
      source.openBlob({ ...request, repository: named(request.repository) }, signal),
    headBlob: (name, digest, signal) => source.headBlob(named(name), digest, signal),
    list: (name, path, signal) => source.list(named(name), path, signal),
  };
}
