import { type Challenge, parseChallenges } from "../oci/challenge.ts";
import type { RepositoryName } from "../oci/repository.ts";
import { UpstreamError, type UpstreamFailureKind } from "./errors.ts";
import { readCapped, readRetryAfter } from "./response.ts";
import { isTrustedRealm } from "./trust.ts";

/** The operator's account at an upstream. */
export interface Credentials {
  readonly username: string;
  /** A personal access token rather than a password. */
  readonly password: string;
}

/**
 * What was learnt of one upstream, shared by every request of an isolate. Plain data only: a promise made in one
 * request must not be awaited in another, where it would hang once the first one is cancelled.
 */
export interface TokenCache {
  readonly tokens: Map<RepositoryName, HeldToken>;
  /** From the first 401: where this upstream's tokens come from. */
  challenge: Challenge | null;
}

/** An `Authorization` and the time, in milliseconds since the epoch, from which it is renewed. */
export interface HeldToken {
  readonly authorization: string;
  readonly renewAt: number;
}

/** Makes an empty cache, to be kept as long as the isolate lives. */
export function createTokenCache(): TokenCache {
  return { tokens: new Map(), challenge: null };
}

/** What token exchange needs to know of its surroundings. */
export interface AuthorizerOptions {
  readonly name: string;
  readonly url: URL;
  /** Hosts that tokens may come from, beside its own; `null` for those of its own registrable domain. */
  readonly realms: readonly string[] | null;
  /** The mirror's other registries by the hosts of `hostOf`, to which it may not redirect: content never falls through. */
  readonly others: ReadonlySet<string>;
  readonly credentials: Credentials | null;
  readonly userAgent: string;
  readonly cache: TokenCache;
  readonly fetch: typeof fetch;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Docker Hub gives 300 s; the token spec says that an absent `expires_in` means 60. */
const DEFAULT_LIFETIME_SECONDS = 60;
/** A token is renewed once this share of its life is over, so that it never ends in mid-request. */
const USABLE_SHARE = 0.8;
/** 64 KiB: a token answer is a few kB. */
const MAX_TOKEN_BYTES = 64 * 1024;
/** Tokens kept per isolate; the oldest go first. */
const MAX_TOKENS = 1000;

/**
 * Gets the tokens of one upstream: one per repository, renewed before it ends. Made anew for each request or Durable
 * Object, over a {@link TokenCache} that they share.
 *
 * @see distribution, "Token Authentication Specification"
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #asked = new Map<RepositoryName, Promise<HeldToken>>();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** Gives the `Authorization` for a repository; `null` while the upstream has not asked for one. */
  async authorization(repository: RepositoryName, signal: AbortSignal): Promise<string | null> {
    const { tokens, challenge } = this.#options.cache;
    const held = tokens.get(repository);
    if (held !== undefined && held.renewAt > this.#options.now()) return held.authorization;
    if (challenge === null) return null;
    return (await this.#renew(repository, challenge, signal)).authorization;
  }

  /**
   * Answers a 401: takes its challenge and gets a new token.
   *
   * @param used - the `Authorization` that was refused; another one got meanwhile is given in its place
   * @returns `null` where there is nothing better to try
   * @throws {@link UpstreamError} where the realm is not to be trusted or gives no token
   */
  async challenged(
    refused: { readonly repository: RepositoryName; readonly used: string | null },
    header: string | null,
    signal: AbortSignal,
  ): Promise<string | null> {
    const { cache } = this.#options;
    const held = cache.tokens.get(refused.repository);
    if (held !== undefined && held.authorization !== refused.used) return held.authorization;
    cache.tokens.delete(refused.repository);

    const challenges = parseChallenges(header ?? "");
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      cache.challenge = bearer;
      return (await this.#renew(refused.repository, bearer, signal)).authorization;
    }
    const basic = challenges.some(({ scheme }) => scheme === "basic") ? this.#basic() : null;
    return basic === refused.used ? null : basic;
  }

  #basic(): string | null {
    const { credentials } = this.#options;
    if (credentials === null) return null;
    const pair = new TextEncoder().encode(`${credentials.username}:${credentials.password}`);
    return `Basic ${btoa(String.fromCharCode(...pair))}`;
  }

  /** One token request per repository at a time, however many wait for it. */
  #renew(
    repository: RepositoryName,
    challenge: Challenge,
    signal: AbortSignal,
  ): Promise<HeldToken> {
    const asked = this.#asked.get(repository);
    if (asked !== undefined) return asked;
    const request = this.#fetchToken(repository, challenge, signal)
      .then((token) => {
        const { tokens } = this.#options.cache;
        tokens.delete(repository);
        tokens.set(repository, token);
        const [oldest] = tokens.keys();
        if (tokens.size > MAX_TOKENS && oldest !== undefined) tokens.delete(oldest);
        return token;
      })
      .catch((error: unknown) => {
        // It may be the realm that is wrong, or has moved: the upstream's next 401 says where it is now.
        const { cache } = this.#options;
        if (cache.challenge === challenge) cache.challenge = null;
        throw error;
      })
      .finally(() => this.#asked.delete(repository));
    this.#asked.set(repository, request);
    return request;
  }

  async #fetchToken(
    repository: RepositoryName,
    challenge: Challenge,
    signal: AbortSignal,
  ): Promise<HeldToken> {
    const { fetch, userAgent, now, url, realms } = this.#options;
    const realm = URL.parse(challenge.parameters.get("realm") ?? "", url);
    // A hostile upstream could name any host here and collect the operator's password, or probe our network.
    if (realm === null || !isTrustedRealm(realm, url, realms))
      throw this.#error("untrusted-host", "its token realm is not a host that it may name");

    // The scope is computed, never taken from the challenge: ghcr.io answers with a placeholder.
    realm.searchParams.set("scope", `repository:${repository}:pull`);
    const service = challenge.parameters.get("service");
    if (service !== undefined) realm.searchParams.set("service", service);
    const headers = new Headers({ "User-Agent": userAgent, Accept: "application/json" });
    const basic = this.#basic();
    if (basic !== null) headers.set("Authorization", basic);

    const askedAt = now();
    const response = await fetch(realm, { headers, redirect: "manual", signal });
    if (response.status !== 200) throw await this.#refused(response);
    const token = readToken(await readCapped(response, MAX_TOKEN_BYTES));
    if (token === null) throw this.#error("bad-response", "its token answer holds no token");
    return {
      authorization: `Bearer ${token.token}`,
      renewAt: askedAt + token.lifetimeSeconds * 1000 * USABLE_SHARE,
    };
  }

  async #refused(response: Response): Promise<UpstreamError> {
    await response.body?.cancel();
    const { status } = response;
    if (status === 429) {
      const { name: upstream } = this.#options;
      const message = "too many token requests";
      return new UpstreamError({
        kind: "rate-limited",
        upstream,
        message,
        status,
        ...readRetryAfter(response, this.#options.now()),
      });
    }
    const refused = status === 401 || status === 403;
    if (!refused) return this.#error("bad-response", `its token realm answered ${status}`, status);
    return this.#options.credentials === null
      ? this.#error("unauthorized", "no anonymous token for this repository", status)
      : this.#error("credentials-refused", "it refused the mirror's own credentials", status);
  }

  #error(kind: UpstreamFailureKind, message: string, status?: number): UpstreamError {
    const failure = { kind, upstream: this.#options.name, message };
    return new UpstreamError(status === undefined ? failure : { ...failure, status });
  }
}

function readToken(bytes: Uint8Array | null): { token: string; lifetimeSeconds: number } | null {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes ?? new Uint8Array()));
  } catch {
    return null;
  }
  if (typeof body !== "object" || body === null) return null;
  const {
    token,
    access_token: accessToken,
    expires_in: expiresIn,
  } = body as Record<string, unknown>;
  const text = typeof token === "string" && token !== "" ? token : accessToken;
  // Only what can stand in a header: anything else would throw far from here.
  if (typeof text !== "string" || !/^[\x21-\x7e]+$/.test(text)) return null;
  const given =
    typeof expiresIn === "number" && expiresIn > 0 ? expiresIn : DEFAULT_LIFETIME_SECONDS;
  return { token: text, lifetimeSeconds: given };
}
