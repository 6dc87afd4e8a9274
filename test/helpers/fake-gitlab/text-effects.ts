/** What GitLab would do because of a text. */
export interface TextEffects {
  /** Quick actions that would be run, such as `/close`. */
  readonly commands: readonly string[];
  /** Names that would get mail, such as `all`. */
  readonly mentions: readonly string[];
  /** Tags that would be rendered (as far as the sanitizer lets them), such as `<img`. */
  readonly html: readonly string[];
}

/**
 * Reads a comment or description as GitLab's extractors do.
 *
 * Quick actions: lines that begin with `/word`, outside fenced code and HTML comments
 * (lib/gitlab/quick_actions/extractor.rb). Mentions: `@name` outside code (lib/banzai/filter/references).
 */
export function scanText(text: string): TextEffects {
  const outside = text
    .replaceAll(/^[ \t]*(`{3,}|~{3,})[^\n]*\n[\s\S]*?(?:^[ \t]*\1[ \t]*$|$(?![\s\S]))/gm, "")
    .replaceAll(/<!--[\s\S]*?-->/g, "");
  const commands = [...outside.matchAll(/^\/([a-z_]+)\b.*$/gim)].map((match) => match[0]);
  const prose = inlineBlocks(outside).map(withoutCodeSpans).join("\n");
  const mentions = [...prose.matchAll(/(?<![\w`/])@([a-z0-9_](?:[\w.-]*\w)?)/gi)].map(
    (match) => match[1] ?? "",
  );
  const html = [...prose.matchAll(/(?<!\\)<\/?[a-z][\w-]*(?=[\s>/])/gi)].map((match) => match[0]);
  return { commands, mentions, html };
}

/** A code span ends with its paragraph, and in a table with its cell: GFM splits cells before it looks for code. */
function inlineBlocks(text: string): string[] {
  return text
    .split(/\n[ \t]*\n/)
    .flatMap((block) =>
      /^[ \t]*\|/m.test(block)
        ? block.split("\n").flatMap((line) => line.split(/(?<!\\)\|/))
        : [block],
    );
}

function withoutCodeSpans(block: string): string {
  return block.replaceAll(/(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, "");
}
