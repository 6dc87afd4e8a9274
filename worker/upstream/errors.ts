/** Why a registry could not say. */
export const AWAY_KINDS = [
  /** No connection, or one that broke. */
  "unreachable",
  /** No answer within the deadline. */
  "timeout",
  /** The operator's own credentials were refused; says nothing about the repository. */
  "credentials-refused",
  /** The pull limit, or the limit on requests. */
  "rate-limited",
  /** A status or a body that no registry should give. */
  "bad-response",
  /** It pointed us at a host that it has no business naming. */
  "untrusted-host",
] as const;

/** What is counted of a source whose bytes were not those of the digest. */
export const LYING_SOURCE = "lying-source";

/** Why an upstream gave no usable answer; `unauthorized`: it will not show us this repository, private or not there. */
export type UpstreamFailureKind = (typeof AWAY_KINDS)[number] | "unauthorized";

/** A failure as plain data, so that it can cross from a Durable Object to a Worker. */
export interface UpstreamFailure {
  readonly kind: UpstreamFailureKind;
  /** The upstream's name, as in `docker.io`. */
  readonly upstream: string;
  /** What happened, in words for the operator; never holds a secret or a signed URL. */
  readonly message: string;
  readonly status?: number;
  readonly retryAfterSeconds?: number;
}

/** Thrown where an upstream could not be asked or did not answer sensibly. Absence (404) is a value, not this. */
export class UpstreamError extends Error {
  override readonly name = "UpstreamError" as const;
  readonly failure: UpstreamFailure;

  constructor(failure: UpstreamFailure, options?: { readonly cause?: unknown }) {
    super(`${failure.upstream}: ${failure.message}`, options);
    this.failure = failure;
  }
}

/** Gives an error's failure; anything that is no {@link UpstreamError} counts as a bug and is thrown on. */
export function failureOf(error: unknown): UpstreamFailure {
  if (error instanceof UpstreamError) return error.failure;
  throw error;
}

/** Whether what is stored may still be served: the upstream is away or busy, and has not said no. */
export function isAway(failure: UpstreamFailure): boolean {
  return failure.kind !== "unauthorized";
}
