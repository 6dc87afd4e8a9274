import type { ShownText } from "./display.ts";
import { quote } from "./evidence.ts";
import type { Evidence, NoteKind, TraceNote } from "./trace.ts";

/** The signs that one line of text is enough for, with who may give them. */
const SIGNS: readonly { kind: NoteKind; pattern: RegExp; from?: "runner" }[] = [
  { kind: "container-driver", pattern: /^#\d+ building with .* using docker-container driver$/ },
  { kind: "container-driver", pattern: /^(?:#\d+|=>) \[[^\]]*internal\] booting buildkit\b/ },
  {
    kind: "quiet",
    pattern: /^\$ .*\b(?:docker|podman|buildah|compose)\b.*\s(?:-q|--quiet|--progress[= ]quiet)\b/,
  },
  { kind: "honor-entrypoint", pattern: /FF_KUBERNETES_HONOR_ENTRYPOINT:true/, from: "runner" },
  // dockerd's own log, in the job's through CI_DEBUG_SERVICES. @see moby, distribution/pull.go
  { kind: "mirror-failed", pattern: /Attempting next endpoint for pull after error/ },
  {
    kind: "mirror-failed",
    pattern: /Failed to retrieve image \S+ from (?:registry mirror|remapped registry) /,
  },
  { kind: "dind", pattern: /^Starting service \S*(?:dind|docker-dind)\S*/, from: "runner" },
];

/** @see docs.docker.com, "Docker Hub pull usage and limits": the wording since 2025 has "unauthenticated" in it */
const RATE_LIMIT = /reached your (?:\w+ )?pull rate limit/i;

const MAX_EVIDENCE = 3;

/** Gathers the lines that explain verdicts, and Docker Hub's refusals. */
export class Notes {
  readonly #notes = new Map<NoteKind, { evidence: Evidence; count: number }>();
  readonly #rateLimits: Evidence[] = [];
  #rateLimitCount = 0;

  /** @param runner - whether the runner may be the one who speaks */
  read(shown: ShownText, runner: boolean): void {
    for (const { kind, pattern, from } of SIGNS)
      if ((from === undefined || runner) && pattern.test(shown.text)) this.add(kind, shown);
    if (!RATE_LIMIT.test(shown.text)) return;
    this.#rateLimitCount += 1;
    if (this.#rateLimits.length < MAX_EVIDENCE) this.#rateLimits.push(quote(shown));
  }

  add(kind: NoteKind, shown: ShownText): void {
    const known = this.#notes.get(kind);
    if (known === undefined) this.#notes.set(kind, { evidence: quote(shown), count: 1 });
    else known.count += 1;
  }

  get all(): TraceNote[] {
    return [...this.#notes].map(([kind, note]) => ({ kind, ...note }));
  }

  get rateLimits(): { count: number; evidence: Evidence[] } {
    return { count: this.#rateLimitCount, evidence: [...this.#rateLimits] };
  }
}
