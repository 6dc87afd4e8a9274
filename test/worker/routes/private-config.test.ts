import { describe, expect, test } from "vitest";
import { startTestMirror } from "../../helpers/mirror.ts";

/** What is right but for one variable. */
const RIGHT = {
  UPSTREAM: "http://127.0.0.1:9",
  DOCKERHUB_USERNAME: "operator",
  DOCKERHUB_TOKEN: "dckr_pat_0123456789",
  ACCESS: "open token:team",
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
    const stopped = await startTestMirror({ ...RIGHT, ...wrong });
    try {
      const response = await stopped.fetch("/healthz");
      expect(response.status).toBe(500);
      expect(await response.text()).toContain(JSON.stringify(problem).slice(1, -1));
    } finally {
      await stopped.stop();
    }
  });
});
