import type { Mirror } from "../files/mirror.ts";
import { formatTrailer, type BranchMarker } from "./marker.ts";

/** How titles are made. */
export interface TitleOptions {
  readonly mirror: Mirror;
  /** Put before title and commit subject, such as `chore(ci):`. */
  readonly prefix: string;
  readonly draft: boolean;
}

/** The merge request's title. Holds nothing of the project's own. */
export function formatTitle({ draft, ...options }: TitleOptions): string {
  const title = subject(options);
  return draft ? `Draft: ${title}` : title;
}

/** A title of the bot's with the mirror it names replaced by today's; any other title stays as people made it. */
export function updateTitle(title: string, mirror: Mirror): string {
  return title.replace(/(pull Docker Hub images through )[^\s]+$/i, (_, lead) => {
    return `${String(lead)}${mirror.host}`;
  });
}

/** What a commit message says. */
export interface CommitMessage extends Omit<TitleOptions, "draft"> {
  readonly marker: BranchMarker;
  /** Numbers of changed lines and files, for the body. */
  readonly lines: number;
  readonly files: number;
}

/** The commit's message: subject, one sentence, and the marker as a trailer. */
export function formatCommitMessage({ marker, lines, files, ...title }: CommitMessage): string {
  const what = `${count(lines, "line")} in ${count(files, "file")}`;
  return `${subject(title)}

${what}: Docker Hub images are pulled through the mirror,
and from Docker Hub itself where the mirror does not answer.

${formatTrailer(marker)}
`;
}

/** A number and its noun. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

function subject({ mirror, prefix }: Omit<TitleOptions, "draft">): string {
  const text = `Pull Docker Hub images through ${mirror.host}`;
  return prefix === "" ? text : `${prefix} ${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}
