import { describe, expect, test } from "vitest";
import { type Registry, parseRegistries } from "../../../worker/upstream/registries.ts";

function read(value: unknown, secrets: Record<string, string> = {}): readonly Registry[] {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return parseRegistries({
    text,
    secret: (name) => secrets[name],
    refuse: (problem) => {
      throw new Error(`UPSTREAMS ${problem}`);
    },
  });
}

test("unset, the public registries are there, anonymously, each with its own token service alone", () => {
  const found = parseRegistries({
    text: undefined,
    secret: () => "leak",
    refuse: (problem) => expect.fail(problem),
  });
  expect(
    found.map(({ name, url, realms, credentials }) => [name, url.href, realms, credentials]),
  ).toEqual([
    ["ghcr.io", "https://ghcr.io/", [], null],
    ["mcr.microsoft.com", "https://mcr.microsoft.com/", [], null],
    ["public.ecr.aws", "https://public.ecr.aws/", [], null],
    ["quay.io", "https://quay.io/", [], null],
    ["registry.gitlab.com", "https://registry.gitlab.com/", ["gitlab.com"], null],
    ["registry.k8s.io", "https://registry.k8s.io/", [], null],
  ]);
});

test("set, those alone are there that it lists", () => {
  expect(read({})).toEqual([]);
  expect(read({ "ghcr.io": {} }).map(({ name }) => name)).toEqual(["ghcr.io"]);
});

test("another registry has an address, token services and an account by the names of their variables", () => {
  const [registry] = read(
    {
      "Registry.Example.com:5050": {
        url: "https://api.example.com/registry",
        realms: ["auth.example.com"],
        username: "EXAMPLE_USERNAME",
        token: "EXAMPLE_TOKEN",
      },
    },
    { EXAMPLE_USERNAME: "robot", EXAMPLE_TOKEN: "s3cret" },
  );
  expect(registry).toEqual({
    name: "registry.example.com:5050",
    url: new URL("https://api.example.com/registry"),
    realms: ["auth.example.com"],
    credentials: { username: "robot", password: "s3cret" },
  });
});

test("a known name with an address of its own does not trust the public one's token service", () => {
  const [registry] = read({ "registry.gitlab.com": { url: "https://proxy.example.com" } });
  expect(registry?.realms).toBeNull();
});

describe("is refused", () => {
  const secrets = { NAME: "na:me", TOKEN: "t0ps3cret", USER: "user" };
  test.each([
    ["ghcr.io", "must be a JSON object"],
    [[], "must be a JSON object"],
    ["null", "must be a JSON object"],
    [{ "https://ghcr.io": {} }, '"https://ghcr.io", which is no host name'],
    [{ "": {} }, "no host name"],
    [{ "docker.io": {} }, "docker.io, which is always there"],
    [{ "index.docker.io": {} }, "docker.io, which is always there"],
    [{ "ghcr.io": {}, "GHCR.io": {} }, "twice"],
    [{ "ghcr.io": null }, "ghcr.io, whose settings must be an object"],
    [{ "ghcr.io": "https://ghcr.io" }, "ghcr.io, whose settings must be an object"],
    [{ "ghcr.io": { password: "x" } }, '"password" is none of url, realms, username, token'],
    [{ "ghcr.io": { url: "ftp://ghcr.io" } }, "url must be a URL"],
    [{ "ghcr.io": { url: 5 } }, "url must be a text"],
    [{ "ghcr.io": { url: "https://u:t0ps3cret@ghcr.io" } }, "url must not hold credentials"],
    [{ "ghcr.io": { url: "https://ghcr.io?x" } }, "neither query nor fragment"],
    [{ "ghcr.io": { realms: "ghcr.io" } }, "realms must be a list"],
    [{ "ghcr.io": { realms: ["https://ghcr.io"] } }, "realms must be host names"],
    [{ "ghcr.io": { realms: ["ghcr.io:443"] } }, "realms must be host names"],
    [{ "ghcr.io": { realms: ["*.ghcr.io"] } }, "realms must be host names"],
    [{ "ghcr.io": { username: "USER" } }, "token must be the name of the variable"],
    [{ "ghcr.io": { username: "USER", token: "t0ps3cret" } }, "token must be the name"],
    [{ "ghcr.io": { username: "USER", token: "ABSENT" } }, "ABSENT, which is not set"],
    [{ "ghcr.io": { username: "NAME", token: "TOKEN" } }, "username must not hold a colon"],
  ])("%j: %s", (value, problem) => {
    const attempt = (): unknown => read(value, secrets);
    expect(attempt).toThrow(`UPSTREAMS `);
    expect(attempt).toThrow(problem);
    expect(attempt).not.toThrow("t0ps3cret");
  });
});
