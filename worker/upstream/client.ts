import { type Digest, parseDigest } from "../oci/digest.ts";
import { parseNextLink } from "../oci/link.ts";
import { MAX_MANIFEST_BYTES } from "../oci/manifest.ts";
import { MANIFEST_ACCEPT, parseManifestType } from "../oci/media-type.ts";
import { parseContentRange } from "../oci/range.ts";
import type { RepositoryName } from "../oci/repository.ts";
import type { TagOrDigest } from "../oci/tag.ts";
import { Authorizer, type AuthorizerOptions } from "./auth.ts";
import { UpstreamError, type UpstreamFailure } from "./errors.ts";
import { readQuota } from "./quota.ts";
import { readCapped, readContentLength, readRetryAfter } from "./response.ts";
import { hostOf, isAllowedRedirect } from "./trust.ts";
import type {
  BlobBody,
  BlobLocation,
  BlobRequest,
  ListPage,
  ManifestHead,
  Upstream,
} from "./upstream.ts";

/** @see RFC 9110 §15.4; blobs of Docker Hub come by 307. */
const MAX_REDIRECTS = 5;
/** 16 MiB: a page of tags or referrers is far smaller; docker.io caps tags at 1000 a page where asked. */
const MAX_LIST_BYTES = 16 * 1024 * 1024;

interface RegistryRequest {
  readonly method: "GET" | "HEAD";
  /** Below `/v2/<repository>/`. */
  readonly rest: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
}

/**
 * Speaks the registry API to one upstream over `fetch`.
 *
 * Nothing of a client's request is ever passed on: every header sent is made here.
 */
export function createUpstreamClient(options: AuthorizerOptions): Upstream {
  const client = new RegistryClient(options);
  return {
    name: options.name,
    headManifest: (repository, target, signal) => client.headManifest(repository, target, signal),
    async getManifest(repository, target, signal) {
      const response = await client.manifest("GET", { repository, target }, signal);
      if (response === null) return null;
      const bytes = await client.guard(() => readCapped(response, MAX_MANIFEST_BYTES), signal);
      if (bytes === null) throw client.error("bad-response", "a manifest over 4 MiB");
      return { ...readManifestHead(response), bytes };
    },
    openBlob: (request, signal) => client.openBlob(request, signal),
    async headBlob(repository, digest, signal) {
      const request = { method: "HEAD", rest: `blobs/${digest}` } as const;
      const { response } = await client.follow(repository, request, signal);
      await response.body?.cancel();
      if (client.isAbsent(response)) return null;
      return { size: readContentLength(response.headers) };
    },
    list: (repository, path, signal) => client.list(repository, path, signal),
  };
}

class RegistryClient {
  readonly #options: AuthorizerOptions;
  readonly #authorizer: Authorizer;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.#authorizer = new Authorizer(options);
  }

  async headManifest(
    repository: RepositoryName,
    target: TagOrDigest,
    signal: AbortSignal,
  ): Promise<ManifestHead | null> {
    const response = await this.manifest("HEAD", { repository, target }, signal);
    return response === null ? null : readManifestHead(response);
  }

  async manifest(
    method: "GET" | "HEAD",
    wanted: { readonly repository: RepositoryName; readonly target: TagOrDigest },
    signal: AbortSignal,
  ): Promise<Response | null> {
    const { repository, target } = wanted;
    const last = target.kind === "tag" ? target.tag : target.digest;
    const headers = { Accept: MANIFEST_ACCEPT };
    const request = { method, rest: `manifests/${last}`, headers };
    const { response } = await this.follow(repository, request, signal);
    return this.isAbsent(response) ? null : response;
  }

  async openBlob(request: BlobRequest, signal: AbortSignal): Promise<BlobBody | null> {
    const { repository, digest, range, location } = request;
    const headers: Record<string, string> =
      range === null ? {} : { Range: `bytes=${range.first}-${range.last}` };
    if (location !== null) {
      const response = await this.guard(
        () => this.#fetch(new URL(location), { headers, signal }),
        signal,
      );
      if (response.ok) return readBlobBody(response, location);
      // Signed locations end after minutes, with a 403 as a rule: ask the registry for a new one.
      await response.body?.cancel();
      if (response.status >= 500 || response.status === 429) throw this.#refused(response);
    }
    const asked = { method: "GET", rest: `blobs/${digest}`, headers } as const;
    const { response, movedTo } = await this.follow(repository, asked, signal);
    return this.isAbsent(response) ? null : readBlobBody(response, movedTo);
  }

  async list(
    repository: RepositoryName,
    path: { readonly rest: string; readonly query: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<ListPage | null> {
    const { response } = await this.follow(repository, { method: "GET", ...path }, signal);
    if (this.isAbsent(response)) return null;
    const bytes = await this.guard(() => readCapped(response, MAX_LIST_BYTES), signal);
    const link = parseNextLink(response.headers.get("Link") ?? "");
    // Only the query is taken: whatever host a Link names, the next page is asked of the same upstream.
    const next = link === null ? null : URL.parse(link, this.#options.url);
    try {
      const body: unknown = JSON.parse(new TextDecoder().decode(bytes ?? new Uint8Array()));
      const query = next === null ? null : Object.fromEntries(next.searchParams);
      return { body, next: query, headers: response.headers };
    } catch (cause) {
      throw this.error("bad-response", "a list that is no JSON", { cause });
    }
  }

  /**
   * Sends a request and follows redirects by hand, without credentials once it leaves the upstream's origin: a CDN
   * that signs its URLs refuses a second way of authorization, and the token is not its business.
   *
   * @throws {@link UpstreamError} for every status but 2xx and 404
   */
  async follow(
    repository: RepositoryName,
    request: RegistryRequest,
    signal: AbortSignal,
  ): Promise<{ response: Response; movedTo: BlobLocation | null }> {
    const { method, headers = {} } = request;
    let url = this.#url(repository, request);
    let response = await this.#authorized(repository, { ...request, url }, signal);
    for (let hops = 0; response.status >= 300 && response.status < 400; hops += 1) {
      await response.body?.cancel();
      const target = URL.parse(response.headers.get("Location") ?? "", url);
      if (
        target === null ||
        hops === MAX_REDIRECTS ||
        !isAllowedRedirect(target, this.#options.url) ||
        this.#options.others.has(hostOf(target))
      )
        throw this.error("untrusted-host", "a redirect that leads nowhere it should");
      url = target;
      const sameOrigin = url.origin === this.#options.url.origin;
      response = sameOrigin
        ? await this.#authorized(repository, { ...request, url }, signal)
        : await this.guard(() => this.#fetch(url, { method, headers, signal }), signal);
    }
    if (!response.ok) {
      await response.body?.cancel();
      if (response.status !== 404) throw this.#refused(response);
    }
    return { response, movedTo: url.origin === this.#options.url.origin ? null : url.href };
  }

  /** Asks the upstream itself; on a 401 once more with a new token. */
  async #authorized(
    repository: RepositoryName,
    request: RegistryRequest & { readonly url: URL },
    signal: AbortSignal,
  ): Promise<Response> {
    const { url, method, headers } = request;
    const send = (authorization: string | null): Promise<Response> => {
      const all = authorization === null ? { ...headers } : { ...headers, authorization };
      return this.#fetch(url, { method, headers: all, signal });
    };
    return await this.guard(async () => {
      const used = await this.#authorizer.authorization(repository, signal);
      const response = await send(used);
      if (response.status !== 401) return response;
      await response.body?.cancel();
      const challenge = response.headers.get("WWW-Authenticate");
      const renewed = await this.#authorizer.challenged({ repository, used }, challenge, signal);
      return renewed === null ? response : await send(renewed);
    }, signal);
  }

  #fetch(url: URL, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("User-Agent", this.#options.userAgent);
    // A blob must come as it is: a second encoding would hide its length and change its bytes.
    headers.set("Accept-Encoding", "identity");
    return this.#options.fetch(url, { ...init, headers, redirect: "manual" });
  }

  /** Turns what `fetch` and streams throw into an {@link UpstreamError}. */
  async guard<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof UpstreamError) throw cause;
      throw signal.aborted
        ? this.error("timeout", "no answer in time", { cause })
        : this.error("unreachable", "the connection failed", { cause });
    }
  }

  isAbsent(response: Response): boolean {
    return response.status === 404;
  }

  error(
    kind: UpstreamFailure["kind"],
    message: string,
    options?: { readonly cause?: unknown },
  ): UpstreamError {
    return new UpstreamError({ kind, upstream: this.#options.name, message }, options);
  }

  #refused(response: Response): UpstreamError {
    const { status } = response;
    const failure = { upstream: this.#options.name, status };
    // Branch on the status alone: Docker Hub's 429 has three different bodies.
    if (status === 429) {
      const retry = readRetryAfter(response, this.#options.now());
      return new UpstreamError({
        ...failure,
        ...retry,
        kind: "rate-limited",
        message: "its pull limit is reached",
      });
    }
    if (status === 401 || status === 403) {
      const message = "it does not show this repository to the mirror";
      return new UpstreamError({ ...failure, kind: "unauthorized", message });
    }
    const message = `it answered ${status}`;
    return new UpstreamError({ ...failure, kind: "bad-response", message });
  }

  #url(repository: RepositoryName, request: RegistryRequest): URL {
    const url = new URL(this.#options.url);
    url.pathname = `${url.pathname.replace(/\/$/, "")}/v2/${repository}/${request.rest}`;
    for (const [name, value] of Object.entries(request.query ?? {}))
      url.searchParams.set(name, value);
    return url;
  }
}

function readManifestHead(response: Response): ManifestHead {
  const { headers } = response;
  const digest: Digest | null = parseDigest(headers.get("Docker-Content-Digest") ?? "");
  return {
    digest,
    mediaType: parseManifestType(headers.get("Content-Type") ?? ""),
    size: readContentLength(headers),
    quota: readQuota(headers),
  };
}

function readBlobBody(response: Response, location: BlobLocation | null): BlobBody {
  const body = response.body ?? new ReadableStream<Uint8Array>({ start: (c) => c.close() });
  if (response.status !== 206)
    return { body, size: readContentLength(response.headers), range: null, location };
  const range = parseContentRange(response.headers.get("Content-Range"));
  const plain = readContentLength(response.headers) !== null;
  return range === null || !plain
    ? { body, size: null, range: null, location }
    : { body, size: range.size, range: { first: range.first, last: range.last }, location };
}
