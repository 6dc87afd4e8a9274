import { createApi, type Api, type ApiOptions } from "../../bot/gitlab/api.ts";
import { ROLE, type Group, type Token, type User } from "./fake-gitlab/model.ts";
import { hasOpenApi, validateRequest } from "./fake-gitlab/openapi.ts";
import { FakeGitLab } from "./fake-gitlab/server.ts";

/** A GitLab with a group in which a bot is Developer and a human Maintainer. */
export interface Setup {
  readonly gitlab: FakeGitLab;
  readonly group: Group;
  readonly bot: User;
  readonly human: User;
  readonly token: Token;
  /** A connection as the bot. */
  api(options?: ApiOptions): Api;
}

/** Starts it; `stop` it after the test. Requests are validated where the API description is at hand. */
export async function startGitLab(scopes: readonly string[] = ["api"]): Promise<Setup> {
  const gitlab = await new FakeGitLab().start();
  if (hasOpenApi()) gitlab.validate = validateRequest;
  const bot = gitlab.world.addUser("group_1_bot_abc", { bot: true });
  const human = gitlab.world.addUser("jane");
  const token = gitlab.world.addToken(bot, scopes, "2027-10-01");
  const group = gitlab.world.addGroup("acme", [
    [bot, ROLE.developer],
    [human, ROLE.maintainer],
  ]);
  const api = (options?: ApiOptions) =>
    createApi({ url: gitlab.url, token: token.secret }, options);
  return { gitlab, group, bot, human, token, api };
}
