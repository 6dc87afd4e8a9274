/**
 * The marker: what the bot knows about its own merge request, kept where GitLab keeps the merge request itself.
 *
 * There is no database. The description's last line of our section and the commit's trailer carry the same record,
 * so that a rerun with another token, from another machine, finds what an earlier one did, and can tell a branch of
 * its own from one that somebody pushed to: by SHA, never by author, whose name changes with the token.
 *
 * @module
 */
import * as z from "zod";

/** 40 hex digits, or 64 in a SHA-256 repository. */
const Sha = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);
const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** What was done to a branch, and on top of what. */
export const BranchMarker = z.object({
  v: z.literal(1),
  /** Digest of the planned edits: the same edits elsewhere in a file have the same digest. */
  edit: Digest,
  /** Digest of the changed files as they are on the branch: proves that a commit is as the bot made it. */
  files: Digest,
  /** The commit of the default branch that the edits were made on. */
  base: Sha,
});
/** What {@link BranchMarker} reads. */
export type BranchMarker = z.infer<typeof BranchMarker>;

/** The same in a description, which knows the commit too; a commit cannot name itself. */
export const Marker = BranchMarker.extend({
  head: Sha,
  /** Closed by the bot, as there was nothing left to do: no answer of the team's. */
  closed: z.literal("obsolete").optional(),
});
/** What {@link Marker} reads. */
export type Marker = z.infer<typeof Marker>;

const IN_BODY = /^<!-- tidepool (\{[^\r\n]*\}) -->\r?$/gm;
const IN_COMMIT = /^Tidepool: (\{[^\r\n]*\})$/gm;

/** Writes the marker as a line of a description, where GitLab shows nothing of it. */
export function formatMarker(marker: Marker): string {
  return `<!-- tidepool ${JSON.stringify(Marker.parse(marker))} -->`;
}

/**
 * Finds the marker in a description.
 *
 * @returns the last one, as the bot writes it below everything that shows; `null` where there is none to be trusted
 */
export function parseMarker(description: string): Marker | null {
  return readLast(description, IN_BODY, Marker);
}

/** Writes the marker as a commit message's trailer. */
export function formatTrailer(marker: BranchMarker): string {
  return `Tidepool: ${JSON.stringify(BranchMarker.parse(marker))}`;
}

/** Finds the marker in a commit message. A rewritten commit may have kept it: look at the commit's content too. */
export function parseTrailer(message: string): BranchMarker | null {
  return readLast(message, IN_COMMIT, BranchMarker);
}

function readLast<Schema extends z.ZodType>(
  text: string,
  pattern: RegExp,
  schema: Schema,
): z.infer<Schema> | null {
  const json = [...text.matchAll(pattern)].at(-1)?.[1];
  if (json === undefined) return null;
  try {
    return schema.parse(JSON.parse(json));
  } catch {
    return null;
  }
}

/** What a comment of the bot's is about; each is said once. */
export type NoteTopic = "foreign-head" | "obsolete";

/** Marks a comment, so that it is not said twice. */
export function formatNoteMarker(topic: NoteTopic): string {
  return `<!-- tidepool note ${topic} -->`;
}

/** Whether a comment is the bot's about this topic. */
export function hasNoteMarker(body: string, topic: NoteTopic): boolean {
  return body.split(/\r?\n/).includes(formatNoteMarker(topic));
}
