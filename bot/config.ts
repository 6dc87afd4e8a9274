import { ConfigError } from "./errors.ts";
import { type Mirror, parseMirror } from "./files/mirror.ts";

/** The environment, as `process.env` has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where GitLab is and how to speak to it. */
export interface GitLabConfig {
  /** Base URL without a slash at the end. */
  readonly url: string;
  readonly token: string;
}

/** Reads the mirror from `--mirror`, else from `TIDEPOOL_MIRROR`; `null` where neither is set. */
export function readMirror(flag: string | undefined, env: Environment): Mirror | null {
  const text = flag ?? env["TIDEPOOL_MIRROR"];
  if (text === undefined || text === "") return null;
  const mirror = parseMirror(text);
  if (mirror === null) {
    const name = flag === undefined ? "TIDEPOOL_MIRROR" : "--mirror";
    throw new ConfigError(
      name,
      `${name} must be a URL such as https://mirror.example.com, without credentials, query or fragment`,
    );
  }
  return mirror;
}

/** Like {@link readMirror}, where the command cannot do without. */
export function requireMirror(flag: string | undefined, env: Environment): Mirror {
  const mirror = readMirror(flag, env);
  if (mirror === null) {
    throw new ConfigError(
      "TIDEPOOL_MIRROR",
      "the mirror's URL is missing: give --mirror URL or set TIDEPOOL_MIRROR",
    );
  }
  return mirror;
}

/** Reads `GITLAB_URL` (in a pipeline `CI_SERVER_URL` will do) and `GITLAB_TOKEN`. */
export function requireGitLab(env: Environment): GitLabConfig {
  const url = env["GITLAB_URL"] ?? env["CI_SERVER_URL"];
  if (url === undefined || !URL.canParse(url) || !/^https?:/.test(url)) {
    throw new ConfigError(
      "GITLAB_URL",
      "GITLAB_URL must be GitLab's URL, such as https://gitlab.com",
    );
  }
  const token = env["GITLAB_TOKEN"];
  if (token === undefined || token === "") {
    throw new ConfigError("GITLAB_TOKEN", "GITLAB_TOKEN is not set");
  }
  return { url: url.replace(/\/+$/, ""), token };
}
