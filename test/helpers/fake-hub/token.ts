import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type HubState, sendJson } from "./state.ts";

/**
 * `GET /token?service=&scope=`: a token for exactly one repository and for pulling alone.
 *
 * Wrong credentials are 401; a repository that is private or missing gets a token all the same.
 */
export function serveToken(
  hub: HubState,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const url = new URL(request.url ?? "", hub.origins.token);
  const scope = /^repository:([a-z0-9._/-]+):pull$/.exec(url.searchParams.get("scope") ?? "");
  if (
    url.pathname !== "/token" ||
    url.searchParams.get("service") !== "registry.docker.io" ||
    !scope
  ) {
    sendJson(response, 400, { body: { details: "invalid scope or service" } });
    return;
  }
  const { authorization } = request.headers;
  const { username, password } = hub.account;
  const expected = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  if (authorization !== undefined && authorization !== expected) {
    sendJson(response, 401, { body: { details: "incorrect username or password" } });
    return;
  }
  const token = randomBytes(24).toString("base64url");
  hub.tokens.set(token, {
    repository: scope[1] as string,
    account: authorization === undefined ? null : username,
    endsAt: Date.now() + hub.tokenSeconds * 1000,
    uses: 0,
  });
  sendJson(response, 200, {
    body: {
      token,
      access_token: token,
      expires_in: hub.tokenSeconds,
      issued_at: new Date().toISOString(),
    },
  });
}
