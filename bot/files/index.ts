import { buildkitd } from "./buildkitd.ts";
import { daemonJson } from "./daemon-json.ts";
import { gitlabCi } from "./gitlab-ci.ts";
import { helmValues } from "./helm-values.ts";
import { runnerConfig } from "./runner-config.ts";
import { terraform } from "./terraform.ts";
import type { FileKind } from "./types.ts";

/** Every kind of file that is known; the first that claims a path has it. A new kind is one file and one line here. */
export const FILE_KINDS: readonly FileKind[] = [
  gitlabCi,
  daemonJson,
  buildkitd,
  runnerConfig,
  helmValues,
  terraform,
];
