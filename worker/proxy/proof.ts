/**
 * Proof that a repository is public. The operator's account may see more than everybody may, so what it can pull is no
 * proof: an anonymous token must be able to. Content that is stored already is no exception.
 *
 * A proof counts for half of `PUBLIC_TTL_SECONDS` at the repository's gate and for the other half in an isolate: a
 * repository that turned private is refused after that time at the latest.
 *
 * @module
 */
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error-code.ts";
import type { TagOrDigest } from "../oci/tag.ts";
import type { RepositoryKey } from "../store/store.ts";
import { UpstreamError, type UpstreamFailure, failureOf, isAway } from "../upstream/errors.ts";
import type { Upstream, Upstreams } from "../upstream/upstream.ts";
import { findUpstream } from "../upstream/upstreams.ts";
import { ByteLru } from "./byte-lru.ts";

/** `public`: whoever asks, and only what is public. `private`: a client that may read this very repository in any case. */
export type Audience = "public" | "private";

/** What an anonymous client is to be shown by HEAD. */
export type Probe = TagOrDigest | { readonly kind: "blob"; readonly digest: Digest };

/** Whether a repository is public. Plain data, to cross from a Durable Object. */
export type ProofAnswer =
  | { readonly kind: "proven" }
  /** It was, within a week, and the upstream cannot say now. */
  | { readonly kind: "believed"; readonly failure: UpstreamFailure }
  /** Nobody is shown such a thing. */
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly failure: UpstreamFailure };

/** Keeps when repositories were last proven public, in milliseconds since the epoch. */
export interface ProofLog {
  read(key: RepositoryKey): number | null;
  write(key: RepositoryKey, provenAt: number): void;
  clear(key: RepositoryKey): void;
}

/** What {@link Prover} works with. */
export interface ProverOptions {
  readonly upstreams: Upstreams;
  readonly proofs: ProofLog;
  readonly publicTtlMs: number;
  /** What counts as public without a proof. */
  readonly isPublic: (key: RepositoryKey) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A client is kept waiting this long for a proof. */
const DEADLINE_MS = 2_000;
/** An outage of the upstream, or its limit on anonymous requests, takes nothing away for so long. */
const BELIEVED_MS = 7 * 24 * 3_600_000;
/** After a probe that found the upstream away, no other is made for this long. */
const BACK_OFF_MS = 10_000;

/** Proves repositories public, and remembers it. */
export class Prover {
  readonly #options: ProverOptions;
  readonly #backOff = new Map<string, { until: number; failure: UpstreamFailure }>();

  constructor(options: ProverOptions) {
    this.#options = options;
  }

  /** Before something is asked for with the operator's account. Without one, the upstream's answer is the proof. */
  async beforeAsking(key: RepositoryKey, probe: Probe): Promise<ProofAnswer> {
    return this.#isAnonymous(key) ? { kind: "proven" } : await this.prove(key, probe);
  }

  /** The upstream has answered: without an account, that is proof. */
  answered(key: RepositoryKey): void {
    const { proofs, now, publicTtlMs } = this.#options;
    if (!this.#isAnonymous(key)) return;
    const known = proofs.read(key);
    // Not written for every answer.
    if (known === null || now() - known > publicTtlMs / 4) proofs.write(key, now());
  }

  /** The upstream has refused the repository. */
  refused(key: RepositoryKey): void {
    this.#options.proofs.clear(key);
  }

  /** @param probe - what to ask for where the last proof is too old; `null` for nothing */
  async prove(key: RepositoryKey, probe: Probe | null): Promise<ProofAnswer> {
    const { proofs, publicTtlMs, now, upstreams, isPublic } = this.#options;
    if (isPublic(key)) return { kind: "proven" };
    const provenAt = proofs.read(key);
    if (provenAt !== null && now() - provenAt < publicTtlMs / 2) return { kind: "proven" };
    const backOff = this.#backOff.get(key.upstream);
    if (backOff !== undefined && now() < backOff.until && provenAt !== null)
      return this.#believe(provenAt, backOff.failure);
    if (probe === null) return { kind: "absent" };
    try {
      const upstream = findUpstream(upstreams.findAnonymous, key.upstream);
      if (!(await isShown(upstream, key, probe))) return { kind: "absent" };
      this.#backOff.delete(key.upstream);
      proofs.write(key, now());
      return { kind: "proven" };
    } catch (error) {
      const failure = failureOf(error);
      if (!isAway(failure)) {
        proofs.clear(key);
        return { kind: "failed", failure };
      }
      const explained = this.#explain(key, failure);
      this.#backOff.set(key.upstream, { until: now() + BACK_OFF_MS, failure: explained });
      return this.#believe(provenAt, explained);
    }
  }

  /** A limit on who asks without the account, which still has pulls left, is the operator's to get round. */
  #explain(key: RepositoryKey, failure: UpstreamFailure): UpstreamFailure {
    if (failure.kind !== "rate-limited" || this.#isAnonymous(key)) return failure;
    const message = `${failure.message} for requests without an account, by which it is asked what is public; the mirror's operator can list this repository in PUBLIC_REPOSITORIES`;
    return { ...failure, message };
  }

  #isAnonymous({ upstream }: RepositoryKey): boolean {
    const { find, findAnonymous } = this.#options.upstreams;
    return find(upstream) === findAnonymous(upstream);
  }

  #believe(provenAt: number | null, failure: UpstreamFailure): ProofAnswer {
    const isRecent = provenAt !== null && this.#options.now() - provenAt < BELIEVED_MS;
    return { kind: isRecent ? "believed" : "failed", failure };
  }
}

/** By HEAD, which no registry counts. What is gone upstream can be stored here still: then any tag will do. */
async function isShown(upstream: Upstream, key: RepositoryKey, probe: Probe): Promise<boolean> {
  const { repository } = key;
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const head =
    probe.kind === "blob"
      ? await upstream.headBlob(repository, probe.digest, signal)
      : await upstream.headManifest(repository, probe, signal);
  if (head !== null) return true;
  const tags = await upstream.list(repository, { rest: "tags/list", query: { n: "1" } }, signal);
  return tags !== null;
}

/** Until when repositories count as public in this isolate, by name: plain data, shared between requests. */
export type ProofMemory = ByteLru<string, number>;

/** 1 MiB: about 8,000 repositories. */
const MAX_MEMORY_BYTES = 1024 * 1024;
const ENTRY_BYTES = 128;

/** Makes an empty memory, to be kept as long as the isolate lives. */
export function createProofMemory(): ProofMemory {
  return new ByteLru(MAX_MEMORY_BYTES);
}

/** What asking for a proof needs. */
export interface ProofDeps {
  readonly proofs: ProofMemory;
  readonly gate: {
    /** @see Prover.prove */
    prove(key: RepositoryKey, probe: Probe | null): Promise<ProofAnswer>;
  };
  readonly publicTtlMs: number;
  /** What counts as public without a proof. */
  readonly isPublic: (key: RepositoryKey) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Whether this isolate knows that a repository is public. */
export function isKnownPublic(deps: Omit<ProofDeps, "gate">, key: RepositoryKey): boolean {
  return (deps.proofs.get(nameOf(key)) ?? 0) > deps.now() || deps.isPublic(key);
}

/** Notes that the gate, or the upstream by an anonymous request, has just said that a repository is public. */
export function rememberPublic(deps: Omit<ProofDeps, "gate">, key: RepositoryKey): void {
  deps.proofs.set(nameOf(key), deps.now() + deps.publicTtlMs / 2, ENTRY_BYTES);
}

/** Notes that it is not, or not any more. */
export function forgetPublic(deps: Pick<ProofDeps, "proofs">, key: RepositoryKey): void {
  deps.proofs.delete(nameOf(key));
}

/**
 * Makes sure that what is stored of a repository may be shown: it is public, or the client may read it in any case.
 *
 * @throws {@link RegistryError} as for what does not exist
 * @throws {@link UpstreamError} where it was never proven and the upstream is away
 */
export async function requireReadable(
  deps: ProofDeps,
  key: RepositoryKey,
  wanted: { readonly audience: Audience; readonly probe: Probe },
): Promise<void> {
  const { audience, probe } = wanted;
  if (audience === "private" || isKnownPublic(deps, key)) return;
  const answer = await deps.gate.prove(key, probe);
  switch (answer.kind) {
    case "proven":
    case "believed":
      rememberPublic(deps, key);
      return;
    case "absent":
      throw new RegistryError(probe.kind === "blob" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN");
    case "failed":
      if (isAway(answer.failure)) throw new UpstreamError(answer.failure);
      throw new RegistryError(probe.kind === "blob" ? "BLOB_UNKNOWN" : "NAME_UNKNOWN");
  }
}

function nameOf({ upstream, repository }: RepositoryKey): string {
  return `${upstream}/${repository}`;
}
