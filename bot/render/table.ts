/** A Markdown table; cells are Markdown already. Nothing at all without rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  return [line(head), line(head.map(() => "---")), ...rows.map(line), ""];
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** Folds lines under a summary. The empty line after it is what makes GitLab read them as Markdown. */
export function folded(summary: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  return ["<details>", `<summary>${summary}</summary>`, "", ...lines, "</details>", ""];
}

/** The first rows, and a last one that says how many more there are. */
export function atMost<Row>(rows: readonly Row[], most: number): { rows: Row[]; more: number } {
  return { rows: rows.slice(0, most), more: Math.max(0, rows.length - most) };
}
