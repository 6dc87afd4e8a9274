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

/**
 * In whose name the upstream is asked: `anonymous` for what the operator's account may be able to see and the client not.
 */
export type Asking = Audience | "anonymous";

/** What an anonymous client is to be shown by HEAD. */
export type Probe = TagOrDigest | { readonly kind: "blob"; readonly digest: Digest };

/** Whether a repository is public. Plain data, to cross from a Durable Object. */
export type ProofAnswer =
  | { readonly kind: "proven" }
  /** It was, within a week, and the upstream cannot say now. */
  | { readonly kind: "believed"; readonly failure: UpstreamFailure }
  /** It never was, and is asked for without an account in any case: the next answer is the proof. */
  | { readonly kind: "unasked" }
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

/** A client is kept waiting this long for a proof of what was proven before, */
const DEADLINE_MS = 2_000;
/** and this long for the first one: there is nothing to serve without it. Whether something is stored makes no difference. */
const FIRST_DEADLINE_MS = 12_000;
/** What fails at once is asked again after these times. */
const RETRY_AFTER_MS = [500, 1_500];
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

  /** The upstream has answered: without an account, that is proof. */
  answered(key: RepositoryKey, asking: Asking): void {
    const { proofs, now, publicTtlMs } = this.#options;
    if (asking !== "anonymous" && !this.#isAnonymous(key)) return;
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
    const { proofs, publicTtlMs, now, isPublic } = this.#options;
    if (isPublic(key)) return { kind: "proven" };
    const provenAt = proofs.read(key);
    if (provenAt !== null && now() - provenAt < publicTtlMs / 2) return { kind: "proven" };
    const backOff = this.#backOff.get(key.upstream);
    const isAwayNow = backOff !== undefined && now() < backOff.until;
    if (isAwayNow && provenAt !== null) return this.#believe(provenAt, backOff.failure);
    if (probe === null) return { kind: "absent" };
    if (provenAt === null && this.#isAnonymous(key)) return { kind: "unasked" };
    try {
      const isPatient = provenAt === null && !isAwayNow;
      if (!(await this.#ask(key, probe, isPatient))) return { kind: "absent" };
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

  async #ask(key: RepositoryKey, probe: Probe, isPatient: boolean): Promise<boolean> {
    const upstream = findUpstream(this.#options.upstreams.findAnonymous, key.upstream);
    if (!isPatient)
      return await isShown(upstream, { key, probe }, AbortSignal.timeout(DEADLINE_MS));
    const signal = AbortSignal.timeout(FIRST_DEADLINE_MS);
    for (const waitMs of RETRY_AFTER_MS) {
      try {
        return await isShown(upstream, { key, probe }, signal);
      } catch (error) {
        if (!isPassing(failureOf(error))) throw error;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
    return await isShown(upstream, { key, probe }, signal);
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
async function isShown(
  upstream: Upstream,
  { key, probe }: { readonly key: RepositoryKey; readonly probe: Probe },
  signal: AbortSignal,
): Promise<boolean> {
  const { repository } = key;
  const head =
    probe.kind === "blob"
      ? await upstream.headBlob(repository, probe.digest, signal)
      : await upstream.headManifest(repository, probe, signal);
  if (head !== null) return true;
  const tags = await upstream.list(repository, { rest: "tags/list", query: { n: "1" } }, signal);
  return tags !== null;
}

/** Whether a failure may be over in a second. One that says how long it takes is not. */
function isPassing({ kind, status = 0, retryAfterSeconds }: UpstreamFailure): boolean {
  if (retryAfterSeconds !== undefined) return false;
  return kind === "rate-limited" || kind === "unreachable" || status >= 500;
}

/** What an isolate knows of a repository for a while. */
interface Remembered {
  readonly standing: Standing;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** How repositories stand, as this isolate knows it, by name: plain data, shared between requests. */
export type ProofMemory = ByteLru<string, Remembered>;

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
  return deps.isPublic(key) || recall(deps, key)?.kind === "readable";
}

function recall(deps: Omit<ProofDeps, "gate">, key: RepositoryKey): Standing | null {
  const known = deps.proofs.get(nameOf(key));
  return known !== undefined && known.until > deps.now() ? known.standing : null;
}

function remember(
  deps: Omit<ProofDeps, "gate">,
  key: RepositoryKey,
  remembered: { readonly standing: Standing; readonly forMs: number },
): void {
  const { standing, forMs } = remembered;
  deps.proofs.set(nameOf(key), { standing, until: deps.now() + forMs }, ENTRY_BYTES);
}

/** Notes that the gate, or the upstream by an anonymous request, has just said that a repository is public. */
export function rememberPublic(deps: Omit<ProofDeps, "gate">, key: RepositoryKey): void {
  remember(deps, key, { standing: READABLE, forMs: deps.publicTtlMs / 2 });
}

/** Notes that it is not, or not any more. */
export function forgetPublic(deps: Pick<ProofDeps, "proofs">, key: RepositoryKey): void {
  deps.proofs.delete(nameOf(key));
}

/** What a client may have of a repository. */
export type Standing =
  /** What is stored, and what the account can pull. */
  | { readonly kind: "readable" }
  /** What is stored, on its last proof. What is new may have come since it turned private: asked for without the account. */
  | { readonly kind: "believed"; readonly failure: UpstreamFailure }
  /** Nothing that is stored: the upstream, which is asked without an account in any case, has to show it first. */
  | { readonly kind: "unasked" };

const READABLE: Standing = { kind: "readable" };

/** In whose name a client's request is asked upstream. */
export function askingOf(audience: Audience, { kind }: Standing): Asking {
  return kind === "believed" ? "anonymous" : audience;
}

/**
 * Makes sure that a repository may be shown: it is public, or the client may read it in any case.
 *
 * Comes before anything that is stored is looked at, so that neither the answer nor its time tells what is.
 *
 * @throws {@link RegistryError} as for what does not exist
 * @throws {@link UpstreamError} where it was never proven and the upstream is away
 */
export async function requireReadable(
  deps: ProofDeps,
  key: RepositoryKey,
  wanted: { readonly audience: Audience; readonly probe: Probe },
): Promise<Standing> {
  const { audience, probe } = wanted;
  if (audience === "private" || deps.isPublic(key)) return READABLE;
  const known = recall(deps, key);
  if (known !== null) return known;
  const answer = await deps.gate.prove(key, probe);
  switch (answer.kind) {
    case "proven":
      rememberPublic(deps, key);
      return READABLE;
    case "believed":
      // Not for longer than the gate is sure that there is no better answer.
      remember(deps, key, {
        standing: answer,
        forMs: Math.min(BACK_OFF_MS, deps.publicTtlMs / 2),
      });
      return answer;
    case "unasked":
      return answer;
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
