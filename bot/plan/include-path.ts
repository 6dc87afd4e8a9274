/**
 * Whether a path matches the wildcard path of an `include:local`.
 *
 * A single asterisk stays within a folder, two cross folders, `**` and a slash may be nothing at all. Walks the
 * pattern once for each character of the path, whatever is in it: patterns come from strangers.
 *
 * @see GitLab, `Repository#search_files_by_wildcard_path`
 */
export function matchesInclude(pattern: string, path: string): boolean {
  const tokens = pattern.match(/\*\*\/|\*\*|\*|[^*]/gs) ?? [];
  let states = close(new Set([0]), tokens);
  for (const char of path) {
    const next = new Set<number>();
    for (const state of states) {
      const token = tokens[state];
      if (token === "**" || token === "**/") next.add(state);
      if (token === "*" && char !== "/") next.add(state);
      // `**/` is over where a slash ends it.
      if (token === char || (token === "**/" && char === "/")) next.add(state + 1);
    }
    if (next.size === 0) return false;
    states = close(next, tokens);
  }
  return states.has(tokens.length);
}

/** Adds the states that are reached without a character: any asterisk may stand for nothing. */
function close(states: Set<number>, tokens: readonly string[]): Set<number> {
  for (const state of states) {
    if (tokens[state]?.startsWith("*") === true) states.add(state + 1);
  }
  return states;
}

/** An include's path as the repository lists it: no slash in front, and nothing else is cleaned up. */
export function repositoryPath(local: string): string {
  return local.replace(/^\/+/, "");
}
