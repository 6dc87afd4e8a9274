import type { Digest } from "../../worker/oci/digest.ts";
import type { ImageReference } from "../../worker/oci/reference.ts";

/** Who did the pulling: the runner, before any script ran, or a client inside the job. */
export type PullLayer = "runner" | "job";

/** The client whose words were recognised. `docker` is a daemon asked by `docker pull`, `run`, `build` or compose. */
export type PullTool = "runner" | "kubernetes" | "docker" | "buildkit" | "kaniko" | "podman";

/**
 * What the log says happened to an image, weakest first.
 *
 * `named`: only mentioned as wanted. `failed`: asked for and not had. `cached`: BuildKit used layers it had.
 * `local`: the daemon had the image and asked nobody. `asked`: a registry was asked; whether bytes came is not said.
 * `downloaded`: bytes came over the network during this job.
 */
export type Transfer = "named" | "failed" | "cached" | "local" | "asked" | "downloaded";

/** A line of the log, quoted. */
export interface Evidence {
  /** Counted as in the raw log, from 1. */
  readonly line: number;
  /** Counted as GitLab's job page does (`#L12`): sections split lines, empty ones have no number. */
  readonly anchor: number;
  /** Without escapes and secrets, cut to a quotable length. Hostile all the same: a job prints what it likes. */
  readonly text: string;
  /** When the line was written, by the runner's clock; `null` in logs without timestamps. */
  readonly atMs: number | null;
}

/** One image that one client wanted in this job. */
export interface TraceImage {
  readonly layer: PullLayer;
  readonly tool: PullTool;
  /** As the log writes it. */
  readonly written: string;
  readonly reference: ImageReference;
  /** Of the manifest or index that the name resolved to; `null` where the log does not say. */
  readonly digest: Digest | null;
  readonly transfer: Transfer;
  /** The registry host that the client says it asked in place of the image's own. */
  readonly via: string | null;
  /** The line that proves that Docker Hub itself was asked. */
  readonly bypass: Evidence | null;
  /** In order, the first few. */
  readonly evidence: readonly Evidence[];
}

/**
 * Something the log says that explains a verdict.
 *
 * `container-driver`: buildx builds in a container, which ignores dockerd's mirrors. `quiet`: a pull or build was told
 * to print nothing. `honor-entrypoint`: the runner may drop a service's `command`. `mirror-failed`: a client tried a
 * mirror and went on to the next. `unnamed`: something was pulled whose full name the log does not give.
 * `dind`: a Docker daemon runs as a service of this job.
 */
export type NoteKind =
  | "container-driver"
  | "quiet"
  | "honor-entrypoint"
  | "mirror-failed"
  | "unnamed"
  | "dind";

/** The first line that says so, and how many did. */
export interface TraceNote {
  readonly kind: NoteKind;
  readonly evidence: Evidence;
  readonly count: number;
}

/** What one job's log tells about images. */
export interface Trace {
  readonly images: readonly TraceImage[];
  readonly notes: readonly TraceNote[];
  /** Docker Hub's refusals; the first few lines of `count`. */
  readonly rateLimits: { readonly count: number; readonly evidence: readonly Evidence[] };
  /** Lines read, as in the raw log. */
  readonly lines: number;
  /** Whether there were more images than are kept. */
  readonly truncated: boolean;
}
