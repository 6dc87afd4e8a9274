import type { Finding } from "../files/finding.ts";
import type { Mirror } from "../files/mirror.ts";
import { type PlanOptions, findFiles } from "./plan.ts";
import type { RepositoryFiles } from "./repository.ts";

/** A finding with its file. */
export interface FoundAt extends Finding {
  readonly path: string;
}

/** What to lint. */
export interface LintOptions extends Pick<PlanOptions, "only" | "ciConfigPath"> {
  /** Given, what does not use this mirror is a finding as well. */
  readonly mirror: Mirror | null;
}

/** Lints a repository; findings come sorted by path and line. */
export async function lintRepository(
  files: RepositoryFiles,
  options: LintOptions,
): Promise<readonly FoundAt[]> {
  const { files: known, repository } = await findFiles(files, options);
  const found: FoundAt[] = [];
  for (const { path, kind } of known) {
    const source = await files.read(path);
    const findings = source === null ? [] : kind.lint({ path, source, repository }, options.mirror);
    found.push(...findings.map((item) => ({ path, ...item })));
  }
  return found;
}
