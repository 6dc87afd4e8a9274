import type { Finding } from "./finding.ts";
import type { Mirror } from "./mirror.ts";
import type { SourceFile } from "./types.ts";

/** Names the mistakes of a runner's configuration. */
export function lintRunnerConfig(_file: SourceFile, _mirror: Mirror | null): readonly Finding[] {
  return [];
}
