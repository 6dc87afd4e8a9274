import { BotError, ConfigError } from "../errors.ts";
import { readAnswer, type Api } from "./api.ts";
import { isGitLabError } from "./errors.ts";
import { Token, User } from "./schema.ts";

/** Who the bot is on this GitLab, and what its owner should know about the token. */
export interface Identity {
  readonly user: User;
  /** Whether the token may change anything. */
  readonly canWrite: boolean;
  /** Sentences for people: a token that ends soon. */
  readonly warnings: readonly string[];
}

/** 14 days: time enough to rotate a token before it ends, which keeps the bot's user. */
const WARN_DAYS = 14;
const DAY_MS = 24 * 60 * 60_000;

/**
 * Looks at the token before anything else is asked, and explains in words what is wrong with it.
 *
 * @param need - `read` where nothing will be written, as in a dry run
 * @throws {@link ConfigError} where GitLab does not accept the token, or its scopes do not suffice
 */
export async function checkToken(api: Api, need: "read" | "write"): Promise<Identity> {
  const token = await readToken(api);
  const canWrite = token.scopes.includes("api");
  if (need === "write" && !canWrite) throw wrongScope(token, "api");
  if (!canWrite && !token.scopes.includes("read_api")) throw wrongScope(token, "read_api");
  const user = readAnswer("GET user", User, await api.rest.Users.showCurrentUser());
  return { user, canWrite, warnings: expiryWarnings(token, api.clock.now()) };
}

async function readToken(api: Api): Promise<Token> {
  try {
    const answer = await api.rest.PersonalAccessTokens.show();
    return readAnswer("GET personal_access_tokens/self", Token, answer);
  } catch (error) {
    if (isGitLabError(error, 401)) {
      throw new ConfigError(
        "GITLAB_TOKEN",
        `${api.url} does not accept GITLAB_TOKEN (${error.detail}); it may be mistyped, expired or revoked`,
      );
    }
    if (isGitLabError(error, 404)) {
      throw new BotError(
        `${api.url} knows no /api/v4/personal_access_tokens/self: GITLAB_URL is no GitLab, or one before 15.5`,
        { cause: error },
      );
    }
    throw error;
  }
}

function wrongScope(token: Token, needed: "api" | "read_api"): ConfigError {
  const has = token.scopes.length === 0 ? "none" : token.scopes.join(", ");
  const why =
    needed === "api"
      ? "to open merge requests it needs api; with --dry-run read_api suffices"
      : "it needs read_api for --dry-run, and api to open merge requests";
  return new ConfigError("GITLAB_TOKEN", `GITLAB_TOKEN has the scopes ${has}: ${why}`);
}

function expiryWarnings(token: Token, now: number): string[] {
  if (token.expiresAt === null) return [];
  const days = Math.ceil((Date.parse(token.expiresAt) - now) / DAY_MS);
  if (Number.isNaN(days) || days > WARN_DAYS) return [];
  const when = days <= 0 ? "today" : days === 1 ? "tomorrow" : `in ${days} days`;
  return [
    `GITLAB_TOKEN ends ${when} (${token.expiresAt}); rotate it before, and the bot keeps its user`,
  ];
}
