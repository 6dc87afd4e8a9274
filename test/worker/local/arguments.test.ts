import { describe, expect, test } from "vitest";
import { UsageError, parseArguments } from "../../../worker/local/arguments.ts";

/** The Worker's variables, as they come of arguments and an environment. */
function variablesOf(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  return parseArguments(args, environment)?.variables;
}

describe("variables", () => {
  test.each([
    "UPSTREAM",
    "UPSTREAMS",
    "SOURCES",
    "DOCKERHUB_USERNAME",
    "DOCKERHUB_TOKEN",
    "PRIVATE_REPOSITORIES",
    "PUBLIC_REPOSITORIES",
    "PUBLIC_TTL_SECONDS",
    "TAG_TTL_SECONDS",
    "ACCESS",
    "ACCESS_TOKENS",
    "ADMIN_TOKEN",
    "PULL_LOG_DAYS",
    "QUOTA_WARNING_PERCENT",
    "RETENTION_DAYS",
    "STORAGE_LIMIT_BYTES",
  ])("%s is taken from the environment, and --var wins over it", (name) => {
    expect(variablesOf([], { [name]: "there" })).toMatchObject({ [name]: "there" });
    const given = variablesOf(["--var", `${name}=given`], { [name]: "there" });
    expect(given).toMatchObject({ [name]: "given" });
  });

  test("an empty one counts as not set, and a name that is merely like one is none", () => {
    const shell = {
      ACCESS: "",
      TIDEPOOL_ACCESS: "x",
      access: "x",
      LOCAL: "0",
      HOST: "x",
      PORT: "1",
    };
    expect(parseArguments([], shell)).toMatchObject({
      host: "127.0.0.1",
      port: 8787,
      variables: { ACCESS: "open" },
    });
    expect(variablesOf([], shell)).toEqual({ ACCESS: "open" });
  });

  test("what UPSTREAMS names is taken too, wherever UPSTREAMS stands", () => {
    const upstreams = JSON.stringify({ "ghcr.io": { username: "GHCR_USER", token: "GHCR_TOKEN" } });
    const shell = { GHCR_USER: "me", GHCR_TOKEN: "secret", GHCR_OTHER: "x" };
    const found = { ACCESS: "open", UPSTREAMS: upstreams, GHCR_USER: "me", GHCR_TOKEN: "secret" };
    expect(variablesOf(["--var", `UPSTREAMS=${upstreams}`], shell)).toEqual(found);
    expect(variablesOf([], { ...shell, UPSTREAMS: upstreams })).toEqual(found);
  });

  test("one that is not known is refused in an argument", () => {
    expect(() => parseArguments(["--var", "TYPO=1"], {})).toThrow(UsageError);
  });
});
