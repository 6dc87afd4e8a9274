import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";
import { listRegistries } from "../../helpers/registries.ts";

/*
 * What a hostile registry, or a hostile client, can name to have the mirror ask where it should not: each is refused, and
 * whoever is named hears nothing. `auth.test.ts` has the realms that are hosts of nobody's.
 */

let hub: FakeHub;
/** Listed, and none of Docker Hub's business. */
let other: FakeHub;
let mirror: TestMirror;
let variables: Record<string, string>;

beforeAll(async () => {
  [hub, other] = await Promise.all([startFakeHub(), startFakeHub()]);
  const { username, password } = hub.account;
  variables = {
    UPSTREAM: hub.url,
    UPSTREAMS: listRegistries({ "ghcr.io": other }),
    DOCKERHUB_USERNAME: username,
    DOCKERHUB_TOKEN: password,
  };
  mirror = await startTestMirror(variables);
});
afterAll(async () => {
  await mirror.stop();
  await Promise.all([hub.close(), other.close()]);
});
beforeEach(() => {
  for (const one of [hub, other]) {
    one.forget();
    one.faults = noFaults();
  }
});

let serial = 0;
function publish() {
  const repository = `far/app-${(serial += 1)}`;
  const image = createImage([syntheticContent(1000)]);
  hub.push(repository, "1", image);
  other.push(repository, "1", image);
  return { repository, image, blob: image.blobs[1]!.digest };
}

describe("Location", () => {
  test.each([
    ["another listed registry", () => `${other.url}/v2/far/app/blobs/x`],
    ["a cloud's metadata", () => "http://169.254.169.254/latest/meta-data"],
    ["the same in IPv6", () => "http://[::ffff:169.254.169.254]/latest/meta-data"],
    ["a link-local host", () => "http://[fe80::1]/"],
    ["this network's every host", () => "http://255.255.255.255/"],
    ["no address", () => "http://0.0.0.0:1/"],
    ["no URL", () => "http://"],
  ])("that is %s is not followed", async (_what, location) => {
    const { repository, blob } = publish();
    hub.faults.redirectTo = location();
    for (const method of ["GET", "HEAD"]) {
      const response = await mirror.fetch(`/v2/${repository}/blobs/${blob}`, { method });
      expect(response.status).toBe(502);
      expect(await response.text()).not.toContain("169.254");
    }
    expect(other.log).toEqual([]);
  });
});

test("a realm that another listed registry has is not given the account", async () => {
  // A host of another name on this machine: the stand-ins' own are all one.
  const { repository } = publish();
  hub.faults.realm = other.origins.token.replace("127.0.0.1", "localhost") + "/token";
  const fresh = await startTestMirror(variables);
  try {
    expect((await fresh.fetch(`/v2/${repository}/manifests/1`)).status).toBe(502);
    expect(other.log).toEqual([]);
    expect(hub.requests("token")).toEqual([]);
  } finally {
    await fresh.stop();
  }
});

test("a Link to another host is asked of the same registry, and the client is told the mirror's own path", async () => {
  const { repository, image } = publish();
  hub.push(repository, "2", image);
  hub.faults.linkTo = other.url;
  const path = `/v2/${repository}/tags/list`;
  const first = await mirror.fetch(`${path}?n=1`);
  const link = first.headers.get("link") ?? "";
  expect(link).toMatch(/^<\/v2\//);
  expect(link).not.toContain(new URL(other.url).host);
  const next = await mirror.fetch(/^<([^>]+)>/.exec(link)?.[1] ?? "");
  expect(await next.json()).toMatchObject({ tags: ["2"] });
  expect(other.log).toEqual([]);
});

test.each(["ghcr.io", "169.254.169.254", "registry-1.docker.io:443"])(
  "the Host header %s chooses no registry",
  async (host) => {
    const { repository } = publish();
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    const url = new URL(`/v2/${repository}/manifests/1`, mirror.url);
    httpRequest(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
    expect(await promise).toBe(200);
    expect(hub.pulls(repository)).toBe(1);
    expect(other.log).toEqual([]);
    for (const { headers } of hub.log) expect(headers.host).toMatch(/^127\.0\.0\.1:/);
  },
);

test("nothing of a client's goes upstream, and nothing of the account's to the CDN", async () => {
  const { repository, blob } = publish();
  const headers = {
    authorization: `Bearer ${"client".repeat(4)}`,
    cookie: "session=client",
    "x-forwarded-for": "192.0.2.1",
    "proxy-authorization": "Basic client",
  };
  await mirror.fetch(`/v2/${repository}/manifests/1`, { headers });
  await receive(mirror.fetch(`/v2/${repository}/blobs/${blob}?ns=docker.io&x=client`, { headers }));
  expect(hub.log.length).toBeGreaterThan(3);
  expect(JSON.stringify(hub.log)).not.toContain("client");
  for (const request of hub.requests("cdn")) expect(request.headers.authorization).toBeUndefined();
});
