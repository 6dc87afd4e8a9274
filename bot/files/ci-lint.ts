import type { Finding } from "./finding.ts";
import type { Mirror } from "./mirror.ts";
import type { SourceFile } from "./types.ts";

/** Names the mirror mistakes of a CI file. */
export function lintCi(_source: SourceFile, _mirror: Mirror | null): readonly Finding[] {
  return [];
}
