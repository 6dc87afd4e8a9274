import { describe, expect, test } from "vitest";
import { parseRepository } from "../../../worker/oci/repository.ts";
import { parseRepositoryList } from "../../../worker/proxy/repository-list.ts";
import { startTestMirror } from "../../helpers/mirror.ts";

test.each([
  ["acme/app", ["docker.io", "acme/app"], true],
  ["acme/app", ["docker.io", "acme/app2"], false],
  ["acme/app", ["docker.io", "acme/app/sub"], false],
  ["acme/app", ["ghcr.io", "acme/app"], false],
  ["docker.io/acme/app", ["docker.io", "acme/app"], true],
  ["app", ["docker.io", "library/app"], true],
  ["acme/*", ["docker.io", "acme/app"], true],
  ["acme/*", ["docker.io", "acme/app/sub"], true],
  ["acme/*", ["docker.io", "acme2/app"], false],
  ["docker.io/acme/*", ["docker.io", "acme/app"], true],
  ["docker.io/*", ["docker.io", "acme/app"], true],
  ["acme/*", ["docker.io", "library/acme"], false],
  ["ghcr.io/acme/*", ["ghcr.io", "acme/app"], true],
  ["ghcr.io/acme/*", ["docker.io", "acme/app"], false],
  ["ghcr.io/*", ["ghcr.io", "any/thing"], true],
  ["ghcr.io/*", ["docker.io", "any/thing"], false],
  ["a/b, c/d\n e/f", ["docker.io", "e/f"], true],
  ["", ["docker.io", "acme/app"], false],
])("%j has %j: %s", (text, [upstream, name], has) => {
  const listed = parseRepositoryList(text, (problem) => expect.fail(problem));
  expect(listed.has({ upstream: upstream!, repository: parseRepository(name!)! })).toBe(has);
});

/** With which a list is fine. */
const VARIABLES = {
  DOCKERHUB_USERNAME: "operator",
  DOCKERHUB_TOKEN: "dckr_pat_any",
  ACCESS: "token:team",
  ACCESS_TOKENS: "team:tokenofthewholeteam2026",
};

describe("a wrong PRIVATE_REPOSITORIES stops the mirror", () => {
  test.each([
    [{ PRIVATE_REPOSITORIES: "Acme/App" }, '"Acme/App", which is no repository'],
    [{ PRIVATE_REPOSITORIES: "*" }, '"*", which is no repository'],
    [{ PRIVATE_REPOSITORIES: "acme/a*" }, '"acme/a*", which is no repository'],
    [{ PRIVATE_REPOSITORIES: "acme/app", ACCESS: "open" }, "needs a token:<name> in ACCESS"],
    [{ PRIVATE_REPOSITORIES: "ghcr.io/acme/app" }, "ghcr.io, for which there is no account"],
    [{ PUBLIC_TTL_SECONDS: "-1" }, "must be whole seconds"],
  ])("%j", async (wrong, problem) => {
    const stopped = await startTestMirror({ ...VARIABLES, ...wrong });
    try {
      const response = await stopped.fetch("/healthz");
      expect(response.status).toBe(500);
      expect(await response.text()).toContain(JSON.stringify(problem).slice(1, -1));
    } finally {
      await stopped.stop();
    }
  });
});
