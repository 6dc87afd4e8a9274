/**
 * Text from repositories, made harmless in GitLab's Markdown.
 *
 * Paths, image names and CI content are written by whoever may push. A line that begins with `/` is a command run
 * with the bot's rights, `@all` writes to everybody, and HTML is rendered. So foreign text appears only as a code
 * span that never begins a line, without line breaks, and cut to length.
 *
 * @module
 */

/** 200 characters: longer than any path or image name that means something. */
const MAX_LENGTH = 200;

/**
 * Shows foreign text as a code span.
 *
 * The fence is longer than any run of backticks inside (CommonMark §6.1). A pipe is escaped, as GFM splits table
 * cells before it looks for code.
 */
export function code(text: string): string {
  const clean = visible(text);
  const cut = clean.length > MAX_LENGTH ? `${clean.slice(0, MAX_LENGTH)}…` : clean;
  const longest = Math.max(0, ...[...cut.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = "`".repeat(longest + 1);
  const pad = cut.startsWith("`") || cut.endsWith("`") || cut.trim() === "" ? " " : "";
  return `${fence}${pad}${cut.replaceAll("|", "\\|")}${pad}${fence}`;
}

/**
 * Shows a sentence of ours that may quote foreign text.
 *
 * Markdown's own characters lose their meaning. After the signs of GitLab's references (`@`, `#`, `!`, `~`, `%`, `&`,
 * `$`, `^`), of emoji and of URLs comes a word joiner: it breaks them, and shows nothing.
 */
export function prose(text: string): string {
  const clean = visible(text);
  const cut = clean.length > 5 * MAX_LENGTH ? `${clean.slice(0, 5 * MAX_LENGTH)}…` : clean;
  return cut
    .replaceAll(/[@#!~%&$^](?=[\w"#])|:(?=[\w+-]+:|\/\/)/g, "$&\u2060")
    .replaceAll(/[\\`*_{}[\]<>()|~]/g, "\\$&")
    .replace(/^(?=[/\-=.+#\d])/, "\u2060");
}

/** One line without control and formatting characters; a line break shows as `⏎`. */
export function visible(text: string): string {
  return text
    .replaceAll(/\r\n|[\n\r\u2028\u2029]/g, "⏎")
    .replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, "\uFFFD");
}

/** 20 lines: a snippet to paste, not a file. */
const MAX_SNIPPET_LINES = 20;

/** Shows foreign text as a block of code, indented as the list it is in. */
export function fenced(text: string, indent = ""): string {
  const lines = text
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map((line) => visible(line.replaceAll("\t", "  ")));
  const shown = lines.slice(0, MAX_SNIPPET_LINES).map((line) => line.slice(0, MAX_LENGTH));
  if (lines.length > MAX_SNIPPET_LINES) shown.push("…");
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = "`".repeat(longest + 1);
  return [`${fence}text`, ...shown, fence].map((line) => `${indent}${line}`).join("\n");
}
