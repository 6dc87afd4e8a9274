/**
 * The port of the editing core: what a kind of file has to offer so that its mirror can be set.
 *
 * A kind never writes a file back out of a parsed tree. It says at which offsets of the text as it stands which
 * few characters go in, and what that does to the parsed data; everything else stays the same by construction.
 *
 * @module
 */
import type { CiFacts } from "./ci-facts.ts";
import type { Finding } from "./finding.ts";
import type { Mirror } from "./mirror.ts";

/** Who reads a file: the project's own jobs, a Docker daemon, or the team's runners. */
export type Layer = "ci" | "daemon" | "runner";

/**
 * What to do where another mirror is set already.
 *
 * `leave` it and say so, `prepend` ours (clients try mirrors in order), or `replace` what is there.
 */
export type ConflictPolicy = "leave" | "prepend" | "replace";

/** Done by the tool, shown for a person to do, or not to be done at all. */
type Verdict = "edit" | "suggest" | "leave";

/** Replaces the characters from `start` to before `end` (UTF-16 offsets into the source) with `text`. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What an edit does to the parsed data, in the manner of a JSON Patch (RFC 6902) on {@link FileKind.data}. */
export interface DataChange {
  readonly op: "add" | "replace" | "remove";
  readonly path: readonly (string | number)[];
  readonly value?: unknown;
}

/** One reason to change one place of a file; mostly one splice, at times two. */
export interface Edit {
  readonly verdict: Extract<Verdict, "edit">;
  readonly splices: readonly Splice[];
  readonly changes: readonly DataChange[];
  /** Line of the source, from 1, that a reader should look at. */
  readonly line: number;
  /** What the edit does, as a clause: "docker:24-dind gets --registry-mirror". */
  readonly why: string;
  /** What a reviewer should know beside it. */
  readonly note?: string;
  /** `repair` mends what never worked and deserves a commit of its own; `mirror` is the plain case. */
  readonly purpose: "mirror" | "repair";
}

/** A place that stays as it is, with the reason. */
export interface Left {
  readonly verdict: Exclude<Verdict, "edit">;
  readonly line: number;
  /** Stable name of the reason, for machines: `already-mirrored`, `other-mirror`, `shell-entrypoint`… */
  readonly code: string;
  /** The reason, for people. */
  readonly reason: string;
  /** Text to put in by hand, where there is one. */
  readonly snippet?: string;
  /** Whether a person has to look: false where all is well already or nothing can be gained. */
  readonly attention: boolean;
}

/** What a kind found in one file, in the order of the text. */
export interface FilePlan {
  readonly edits: readonly Edit[];
  readonly left: readonly Left[];
  /** {@link FileKind.data} of the same source, where the kind has it at hand and no second parse is needed. */
  data?(this: void): unknown;
}

/** How to edit. */
export interface EditOptions {
  readonly mirror: Mirror;
  /** Absent: flags in a service's command are left, lists tried in order get ours first (see each kind). */
  readonly conflict?: ConflictPolicy;
  /** Also remove settings that have no effect, such as `DOCKER_OPTS` beside dind. */
  readonly tidy?: boolean;
}

/** A file with what its kind must know of the rest of the repository. */
export interface SourceFile {
  readonly path: string;
  readonly source: string;
  readonly repository: RepositoryView;
}

/** What a kind may ask about the other files. */
export interface RepositoryView {
  readonly paths: ReadonlySet<string>;
  /** Facts gathered from all CI files together. */
  readonly ci: CiFacts;
}

/** One kind of file. Pure: no reading, no writing, and no throwing whatever the source holds. */
export interface FileKind {
  readonly id: string;
  readonly layer: Layer;
  /** Whether a path (with `/`, relative to the root) is of this kind; its content is not known yet. */
  matches(path: string, repository: RepositoryView): boolean;
  plan(file: SourceFile, options: EditOptions): FilePlan;
  /** Mistakes that need no mirror to be named; with one, also what does not use it. */
  lint(file: SourceFile, mirror: Mirror | null): readonly Finding[];
  /** The file's content as plain comparable data, or `null` where it does not parse. */
  data(source: string): unknown;
}
