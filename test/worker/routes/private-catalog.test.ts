import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

const SECRET = "tokenofthewholeteam2026";
const AS_TEAM = { headers: { authorization: `Bearer ${SECRET}` } };

let hub: FakeHub;
let variables: Record<string, string>;

beforeAll(async () => {
  hub = await startFakeHub();
  const { username, password } = hub.account;
  variables = {
    UPSTREAM: hub.url,
    DOCKERHUB_USERNAME: username,
    DOCKERHUB_TOKEN: password,
    ACCESS: "open token:team",
    ACCESS_TOKENS: `team:${SECRET}`,
    PUBLIC_TTL_SECONDS: "0",
    TAG_TTL_SECONDS: "0",
  };
  for (const name of ["acme/open", "acme/turns", "acme/secret"])
    hub.push(name, "1", createImage([syntheticContent(100)]));
  hub.repository("acme/secret").isPrivate = true;
});
afterAll(() => hub.close());

async function status(mirror: TestMirror, name: string, init?: RequestInit): Promise<number> {
  return (await mirror.fetch(`/v2/${name}/manifests/1`, init)).status;
}

async function names(mirror: TestMirror, init?: RequestInit): Promise<unknown> {
  const answer = (await (await mirror.fetch("/v2/_catalog", init)).json()) as {
    repositories: unknown;
  };
  return answer.repositories;
}

test("a repository that turned private is named no more, and again once something new of it is public", async () => {
  const mirror = await startTestMirror(variables);
  try {
    for (const name of ["acme/open", "acme/turns"]) expect(await status(mirror, name)).toBe(200);
    expect(await names(mirror)).toEqual(["acme/open", "acme/turns"]);
    hub.repository("acme/turns").isPrivate = true;
    expect(await status(mirror, "acme/turns")).toBe(404);
    await expect.poll(() => names(mirror)).toEqual(["acme/open"]);
    hub.repository("acme/turns").isPrivate = false;
    hub.push("acme/turns", "1", createImage([syntheticContent(100)]));
    expect(await status(mirror, "acme/turns")).toBe(200);
    expect(await names(mirror)).toEqual(["acme/open", "acme/turns"]);
  } finally {
    await mirror.stop();
  }
});

test("one that is listed as private stays named to the team, whoever asks for it; off the list, until it is asked for", async () => {
  const listed = { ...variables, PRIVATE_REPOSITORIES: "acme/secret" };
  const mirror = await startTestMirror(listed);
  try {
    expect(await status(mirror, "acme/secret", AS_TEAM)).toBe(200);
    expect(await status(mirror, "acme/secret")).toBe(404);
    expect(await names(mirror, AS_TEAM)).toEqual(["acme/secret"]);
    expect(await names(mirror)).toEqual([]);
    await mirror.restart(null, variables);
    expect(await status(mirror, "acme/secret")).toBe(404);
    await expect.poll(() => names(mirror)).toEqual([]);
    expect(await names(mirror, AS_TEAM)).toEqual([]);
  } finally {
    await mirror.stop();
  }
});
