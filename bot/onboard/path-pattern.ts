/**
 * Matches a project's full path against a pattern: `*` within a segment, `**` across segments, `?` one character.
 *
 * Case counts for nothing, as GitLab has it for paths.
 */
export function matchesPattern(pattern: string, path: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll(/\*\*\/?|\*|\?/g, (wild) => {
      if (wild === "**/") return "(?:.*/)?";
      if (wild === "**") return ".*";
      return wild === "*" ? "[^/]*" : "[^/]";
    });
  return new RegExp(`^${source}$`, "i").test(path);
}

/** Whether a pattern names a group or user to begin with, and not just anybody. */
export function namesOwner(pattern: string): boolean {
  const owner = pattern.split("/")[0] ?? "";
  return pattern.includes("/") && owner !== "" && !/[*?]/.test(owner);
}
