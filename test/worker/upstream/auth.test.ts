import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

let hub: FakeHub;
let anonymous: TestMirror;
let operator: TestMirror;
let misconfigured: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  const variables = { UPSTREAM: hub.url, TAG_TTL_SECONDS: "0" };
  const { username, password } = hub.account;
  [anonymous, operator, misconfigured] = await Promise.all([
    startTestMirror(variables),
    startTestMirror({ ...variables, DOCKERHUB_USERNAME: username, DOCKERHUB_TOKEN: password }),
    startTestMirror({
      ...variables,
      DOCKERHUB_USERNAME: username,
      DOCKERHUB_TOKEN: "dckr_pat_old",
    }),
  ]);
});
afterAll(async () => {
  await Promise.all([anonymous.stop(), operator.stop(), misconfigured.stop()]);
  await hub.close();
});
beforeEach(() => {
  hub.forget();
  hub.faults = noFaults();
  hub.tokenSeconds = 300;
});

let serial = 0;
function publish() {
  const repository = `auth/app-${(serial += 1)}`;
  const image = createImage([syntheticContent(1000), syntheticContent(2000)]);
  hub.push(repository, "1", image);
  return { repository, image, path: `/v2/${repository}/manifests/1` };
}

test("a whole image costs one token, of exactly its repository, and no credentials without an account", async () => {
  const { repository, image, path } = publish();
  await anonymous.fetch(path);
  for (const { digest } of image.blobs)
    await receive(anonymous.fetch(`/v2/${repository}/blobs/${digest}`));
  const asked = hub.requests("token");
  expect(asked).toHaveLength(1);
  expect(new URL(asked[0]?.url ?? "", hub.url).searchParams.get("scope")).toBe(
    `repository:${repository}:pull`,
  );
  expect(asked[0]?.headers.authorization).toBeUndefined();
});

test("with an account, the token is asked for in its name, and nothing else ever is", async () => {
  const { repository, image, path } = publish();
  expect((await operator.fetch(path)).status).toBe(200);
  for (const { digest } of image.blobs)
    await receive(operator.fetch(`/v2/${repository}/blobs/${digest}`));
  const asked = hub.requests("token").map(({ headers }) => headers.authorization ?? "nobody's");
  // One without it, to prove the repository public.
  expect(asked).toEqual(["nobody's", expect.stringMatching(/^Basic /)]);
  const rest = [...hub.requests("registry"), ...hub.requests("cdn")];
  expect(JSON.stringify(rest)).not.toContain(hub.account.password);
  expect(rest.some(({ headers }) => String(headers.authorization).startsWith("Basic"))).toBe(false);
});

test("a token is renewed before it ends, and once where it is refused all the same", async () => {
  const { path } = publish();
  hub.tokenSeconds = 1;
  await anonymous.fetch(path);
  // The stand-in forgets its tokens, as a restarted one would.
  hub.tokens.clear();
  expect((await anonymous.fetch(path)).headers.get("x-cache")).toBe("REVALIDATED");
  expect(hub.requests("token").length).toBe(2);
});

test("a private repository is refused to an anonymous mirror, without a challenge", async () => {
  const { path, repository } = publish();
  hub.repository(repository).isPrivate = true;
  const refused = await anonymous.fetch(path);
  expect(refused.status).toBe(404);
  expect(refused.headers.get("www-authenticate")).toBeNull();
});

describe("credentials that Docker Hub refuses", () => {
  test("are told apart from a missing image, and never shown", async () => {
    const { path } = publish();
    const response = await misconfigured.fetch(path);
    expect(response.status).toBe(503);
    const body = await response.text();
    expect(body).toContain("refused the mirror's own credentials");
    expect(body).not.toContain("dckr_pat_old");
    expect(JSON.stringify([...response.headers])).not.toContain("dckr_pat_old");
  });
});

test("a realm that led astray is forgotten: the next pull learns it anew", async () => {
  const { path } = publish();
  const mirror = await startTestMirror({ UPSTREAM: hub.url });
  try {
    hub.faults.realm = "http://evil.example/token";
    expect((await mirror.fetch(path)).status).toBe(502);
    hub.faults.realm = null;
    expect((await mirror.fetch(path)).status).toBe(200);
  } finally {
    await mirror.stop();
  }
});

describe("a realm", () => {
  test.each([
    "http://auth.example.com/token",
    "http://localhost:1/token",
    "https://auth.docker.io.evil.example/token",
    "file:///etc/passwd",
    "http://operator:x@127.0.0.1/token",
    "",
  ])("at %s is not given the credentials", async (realm) => {
    const { path } = publish();
    hub.faults.realm = realm;
    // One that has not learnt the right realm yet.
    const { username, password } = hub.account;
    const account = { DOCKERHUB_USERNAME: username, DOCKERHUB_TOKEN: password };
    const fresh = await startTestMirror({ UPSTREAM: hub.url, ...account });
    try {
      const response = await fresh.fetch(path);
      expect(response.status).toBe(502);
      expect(await response.text()).not.toContain(password);
      expect(hub.requests("token")).toEqual([]);
    } finally {
      await fresh.stop();
    }
  });
});

test.each(["file:///etc/passwd", "ftp://127.0.0.1/", "http://a:b@127.0.0.1/"])(
  "a blob is not fetched from %s",
  async (redirectTo) => {
    const { repository, image } = publish();
    hub.faults.redirectTo = redirectTo;
    const response = await anonymous.fetch(`/v2/${repository}/blobs/${image.blobs[0]?.digest}`);
    expect(response.status).toBeGreaterThanOrEqual(500);
    expect(hub.requests("cdn")).toEqual([]);
  },
);

test("a redirect that goes round and round ends", async () => {
  const { repository, image } = publish();
  const path = `/v2/${repository}/blobs/${image.blobs[0]?.digest}`;
  hub.faults.redirectTo = `${hub.url}${path}`;
  expect((await anonymous.fetch(path)).status).toBe(502);
  expect(hub.requests("registry").length).toBeLessThan(10);
});

test("every request names the mirror and asks for plain bytes", async () => {
  const { repository, image, path } = publish();
  await anonymous.fetch(path);
  await receive(anonymous.fetch(`/v2/${repository}/blobs/${image.blobs[0]?.digest}`));
  for (const { headers } of hub.log) expect(headers["user-agent"]).toMatch(/^tidepool\/\d/);
  for (const { headers } of hub.requests("cdn"))
    expect(headers["accept-encoding"]).toBe("identity");
});
