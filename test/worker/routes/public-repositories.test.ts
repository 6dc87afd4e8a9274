import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

const SECRET = "tokenofthewholeteam2026";

let hub: FakeHub;
let mirror: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  const { username, password } = hub.account;
  mirror = await startTestMirror({
    UPSTREAM: hub.url,
    DOCKERHUB_USERNAME: username,
    DOCKERHUB_TOKEN: password,
    ACCESS: "open token:team",
    ACCESS_TOKENS: `team:${SECRET}`,
    PRIVATE_REPOSITORIES: "acme/secret",
    PUBLIC_REPOSITORIES: "grafana/*, acme/*",
  });
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});
beforeEach(() => {
  hub.forget();
  hub.faults = noFaults();
});

async function pull(repository: string): Promise<number[]> {
  const image = createImage([syntheticContent(1000)]);
  hub.push(repository, "1", image);
  const statuses = [(await mirror.fetch(`/v2/${repository}/manifests/1`)).status];
  for (const { digest } of image.blobs)
    statuses.push((await receive(mirror.fetch(`/v2/${repository}/blobs/${digest}`))).status);
  return statuses;
}

describe("while Docker Hub limits whoever asks without an account", () => {
  beforeEach(() => {
    hub.faults.anonymous = "429";
  });

  test.each(["library/debian", "grafana/loki"])("%s is pulled with the account", async (name) => {
    expect(await pull(name)).toEqual([200, 200, 200]);
    expect((await mirror.fetch(`/v2/${name}/tags/list`)).status).toBe(200);
    const anonymous = hub.requests("token").filter(({ headers }) => !headers.authorization);
    expect(anonymous).toEqual([]);
  });

  test("another image is not, and the answer says why", async () => {
    hub.push("other/app", "1", createImage([syntheticContent(100)]));
    const refused = await mirror.fetch("/v2/other/app/manifests/1");
    expect(refused.status).toBe(429);
    const text = await refused.text();
    expect(text).toContain("without an account");
    expect(text).toContain("PUBLIC_REPOSITORIES");
    expect(hub.pulls()).toBe(0);
  });
});

test("what is listed as private is not public, whatever else lists it", async () => {
  const image = createImage([syntheticContent(100)]);
  hub.push("acme/secret", "1", image);
  hub.repository("acme/secret").isPrivate = true;
  expect((await mirror.fetch("/v2/acme/secret/manifests/1")).status).toBe(404);
  const headers = { authorization: `Bearer ${SECRET}` };
  expect((await mirror.fetch("/v2/acme/secret/manifests/1", { headers })).status).toBe(200);
  expect((await mirror.fetch("/v2/acme/secret/manifests/1")).status).toBe(404);
  const { digest } = image.manifest.content;
  expect((await mirror.fetch(`/v2/acme/secret/manifests/${digest}`)).status).toBe(404);
});

test.each([
  ["acme", "library/acme"],
  ["Acme/App", '"Acme/App", which is no repository'],
  ["registry.example.com/app", "registry.example.com, which is not in UPSTREAMS"],
])("PUBLIC_REPOSITORIES=%s: %s", async (value, problem) => {
  const started = await startTestMirror({ UPSTREAM: hub.url, PUBLIC_REPOSITORIES: value });
  try {
    const response = await started.fetch("/healthz");
    if (problem === "library/acme") expect(response.status).toBe(200);
    else expect(await response.text()).toContain(JSON.stringify(problem).slice(1, -1));
  } finally {
    await started.stop();
  }
});
