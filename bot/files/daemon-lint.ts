import type { Node } from "jsonc-parser";

import { isDockers, mayBeDockers } from "./daemon-keys.ts";
import { lintMirrorUrl } from "./dind-lint.ts";
import { type Finding, finding } from "./finding.ts";
import {
  type JsonFile,
  type JsonProblem,
  findValue,
  isJsonProblem,
  readJson,
} from "./json-file.ts";
import { type Mirror, isSameMirror } from "./mirror.ts";
import type { SourceFile } from "./types.ts";

/** Names the mistakes of a daemon.json. */
export function lintDaemon(
  { path, source }: SourceFile,
  mirror: Mirror | null,
): readonly Finding[] {
  const file = readJson(source);
  if (isJsonProblem(file)) return mayBeDockers(path, source) ? lintProblem(file) : [];
  if (!isDockers(path, file)) return [];
  const found = lintKeys(file);
  const mirrors = findValue(file.root, "registry-mirrors");
  const values = (mirrors?.value.children ?? []).map(({ value }) => String(value));
  if (mirror !== null && !values.some((value) => isSameMirror(value, mirror))) {
    const line = file.lineAt((mirrors?.key ?? file.root).offset);
    found.push(finding("not-mirrored", line, `The daemon does not use the mirror ${mirror.url}.`));
  }
  return found;
}

function lintKeys(file: JsonFile): Finding[] {
  const found: Finding[] = [];
  const singular = findValue(file.root, "registry-mirror");
  if (singular !== null) {
    const message =
      'dockerd accepts the key "registry-mirror" without a word and does nothing with it.';
    found.push(finding("daemon-singular-key", file.lineAt(singular.key.offset), message));
  }
  const mirrors = findValue(file.root, "registry-mirrors");
  if (mirrors !== null) found.push(...lintMirrors(file, mirrors.value));
  return found;
}

/** Beside what dockerd stumbles over first, the mistakes that would come to light once that is mended. */
function lintProblem({ kind, line, message, tolerated }: JsonProblem): readonly Finding[] {
  if (kind === "template") return [];
  const first =
    kind === "comment"
      ? finding(
          "daemon-comment",
          line,
          "dockerd refuses a daemon.json with a comment in it, and does not start.",
        )
      : finding(
          "daemon-invalid-json",
          line,
          `The file ${message}: dockerd refuses it, and does not start.`,
        );
  const others = tolerated === null ? [] : lintKeys(tolerated);
  return [first, ...others].toSorted((a, b) => a.line - b.line);
}

function lintMirrors(file: JsonFile, value: Node): readonly Finding[] {
  if (value.type === "null") return [];
  if (value.type !== "array") {
    const message =
      'dockerd wants a list as "registry-mirrors", and does not start with anything else.';
    return [finding("daemon-mirrors-no-list", file.lineAt(value.offset), message)];
  }
  return (value.children ?? []).flatMap((child) => {
    const reader = { name: "daemon.json", major: null };
    const item = lintMirrorUrl(String(child.value), file.lineAt(child.offset), reader);
    return item === null ? [] : [item];
  });
}
