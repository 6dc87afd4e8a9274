import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { type Image, createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

const SECRET = "tokenofthewholeteam2026";
const AS_TEAM = { headers: { authorization: `Bearer ${SECRET}` } };

let hub: FakeHub;
/** Private, listed, and cached: the team has pulled all of it. */
let secret: Image;
/** Public. */
let open: Image;
let variables: Record<string, string>;
let mirror: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  hub.hasReferrers = true;
  secret = createImage([syntheticContent(1000), syntheticContent(2000)]);
  open = createImage([syntheticContent(1000)]);
  hub.push("acme/secret", "1", secret);
  hub.push("acme/unlisted", "1", createImage([syntheticContent(500)]));
  for (const name of ["acme/secret", "acme/unlisted"]) hub.repository(name).isPrivate = true;
  hub.push("acme/open", "1", open);
  const { username, password } = hub.account;
  variables = {
    UPSTREAM: hub.url,
    DOCKERHUB_USERNAME: username,
    DOCKERHUB_TOKEN: password,
    ACCESS: "open token:team",
    ACCESS_TOKENS: `team:${SECRET}`,
    PRIVATE_REPOSITORIES: "acme/secret",
    TAG_TTL_SECONDS: "3600",
  };
  mirror = await startTestMirror(variables);
  await pull("acme/secret", secret, AS_TEAM);
  await pull("acme/open", open);
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});
beforeEach(() => {
  hub.forget();
  hub.faults = noFaults();
});

/** Pulls as a client does. @returns the statuses */
async function pull(
  repository: string,
  image: Image,
  how: RequestInit & { from?: TestMirror } = {},
) {
  const { from = mirror, ...init } = how;
  const { digest } = image.manifest.content;
  const statuses: number[] = [];
  for (const path of ["manifests/1", `manifests/${digest}`])
    statuses.push((await from.fetch(`/v2/${repository}/${path}`, init)).status);
  for (const blob of image.blobs) {
    const received = await receive(from.fetch(`/v2/${repository}/blobs/${blob.digest}`, init));
    statuses.push(received.status);
  }
  return new Set(statuses);
}

test("a listed private repository is served to a client with a token, from the cache too", async () => {
  expect(await pull("acme/secret", secret, AS_TEAM)).toEqual(new Set([200]));
  expect(hub.log).toEqual([]);
  const path = `/t/${SECRET}/v2/acme/secret/manifests/1`;
  expect((await mirror.fetch(path)).headers.get("x-cache")).toBe("HIT");
});

test("one that is not listed is not, whoever asks", async () => {
  const refused = await mirror.fetch("/v2/acme/unlisted/manifests/1", AS_TEAM);
  expect(refused.status).toBe(404);
  expect(hub.pulls("acme/unlisted")).toBe(0);
});

/** What a stranger can ask of a repository whose content he knows the digests of. */
const requests = (repository: string) => {
  const manifest = `manifests/${secret.manifest.content.digest}`;
  const blob = `blobs/${secret.blobs[1]!.digest}`;
  const forms: Record<string, [path: string, init?: RequestInit]> = {
    tag: [`/v2/${repository}/manifests/1`],
    digest: [`/v2/${repository}/${manifest}`],
    "tag by HEAD": [`/v2/${repository}/manifests/1`, { method: "HEAD" }],
    "digest by HEAD": [`/v2/${repository}/${manifest}`, { method: "HEAD" }],
    "digest, known": [
      `/v2/${repository}/${manifest}`,
      { headers: { "if-none-match": `"${secret.manifest.content.digest}"` } },
    ],
    layer: [`/v2/${repository}/${blob}`],
    config: [`/v2/${repository}/blobs/${secret.blobs[0]!.digest}`],
    "layer by HEAD": [`/v2/${repository}/${blob}`, { method: "HEAD" }],
    "range of a layer": [`/v2/${repository}/${blob}`, { headers: { range: "bytes=0-9" } }],
    "layer, known": [
      `/v2/${repository}/${blob}`,
      { headers: { "if-none-match": `"${secret.blobs[1]!.digest}"` } },
    ],
    "tag by ns": [`/v2/${repository}/manifests/1?ns=docker.io`],
    "layer by ns": [`/v2/${repository}/${blob}?ns=docker.io`],
    "digest by prefix": [`/v2/docker.io/${repository}/${manifest}`],
    "layer by prefix": [`/v2/index.docker.io/${repository}/${blob}`],
    tags: [`/v2/${repository}/tags/list`],
    referrers: [`/v2/${repository}/referrers/${secret.manifest.content.digest}`],
  };
  return forms;
};

async function answer(form: string, repository: string) {
  const [path, init] = requests(repository)[form] ?? [""];
  hub.forget();
  const response = await mirror.fetch(path, init);
  const headers = [...response.headers].filter(([name]) => name !== "date");
  return {
    status: response.status,
    headers,
    body: await response.text(),
    // What takes time: each look upstream, and how it ended.
    asked: hub.log.map(({ server, method, status }) => `${server} ${method} ${status}`),
  };
}

const FORMS = [
  "tag",
  "digest",
  "tag by HEAD",
  "digest by HEAD",
  "digest, known",
  "layer",
  "config",
  "layer by HEAD",
  "range of a layer",
  "layer, known",
  "tag by ns",
  "layer by ns",
  "digest by prefix",
  "layer by prefix",
  "tags",
  "referrers",
];

describe("a stranger who asks for cached private content", () => {
  test.each(FORMS)("by %s gets what a repository that is not there gets", async (form) => {
    // Once before, so that both have their token.
    await answer(form, "acme/secret");
    await answer(form, "acme/missing");
    const hidden = await answer(form, "acme/secret");
    expect(hidden).toEqual(await answer(form, "acme/missing"));
    expect(hidden.status).toBe(form === "referrers" ? 200 : 404);
    expect(hub.pulls()).toBe(0);
  });

  test("through a public repository's name gets nothing", async () => {
    const { digest } = secret.manifest.content;
    for (const path of [`manifests/${digest}`, ...secret.blobs.map((b) => `blobs/${b.digest}`)])
      for (const method of ["GET", "HEAD"]) {
        const response = await mirror.fetch(`/v2/acme/open/${path}`, { method });
        expect([path, response.status]).toEqual([path, 404]);
      }
  });

  test("while Docker Hub is away, or refuses anonymous requests, gets nothing either", async () => {
    for (const outage of ["503", "429", "reset"] as const) {
      hub.faults.registry = outage;
      for (const form of FORMS) {
        const hidden = await answer(form, "acme/secret");
        expect([form, hidden.status < 400]).toEqual([form, false]);
        expect(hidden).toMatchObject({ status: (await answer(form, "acme/missing")).status });
      }
    }
  });

  test("is told its name neither by the catalog nor by the page", async () => {
    for (const path of ["/v2/_catalog", "/v2/_catalog?n=1", "/"]) {
      expect(await (await mirror.fetch(path)).text()).not.toContain("acme/secret");
      expect((await mirror.fetch(path)).headers.get("link") ?? "").not.toContain("secret");
    }
    // Once the log is written the page would have it, for whoever is let in.
    for (const path of ["/", "/api/catalog", "/metrics"])
      expect([path, (await mirror.fetch(path)).status]).toEqual([path, 403]);
    const told = await mirror.fetch("/v2/_catalog", AS_TEAM);
    expect(await told.json()).toEqual({ repositories: ["acme/open", "acme/secret"] });
  });

  test("who comes while the team fills a layer does not join", async () => {
    const image = createImage([syntheticContent(20 * 1024 * 1024)]);
    hub.push("acme/secret", "big", image);
    const path = `blobs/${image.blobs[1]!.digest}`;
    hub.faults.bytesPerSecond = 5 * 1024 * 1024;
    const filling = receive(mirror.fetch(`/v2/acme/secret/${path}`, AS_TEAM));
    await expect
      .poll(() => hub.bytesSent.get(image.blobs[1]!.digest) ?? 0, { timeout: 15_000 })
      .toBeGreaterThan(0);
    for (const repository of ["acme/secret", "acme/open"])
      expect((await mirror.fetch(`/v2/${repository}/${path}`)).status).toBe(404);
    expect(await filling).toMatchObject({ status: 200, digest: image.blobs[1]!.digest });
  });
});

describe("a public repository", () => {
  test("is proven once, by a token and a HEAD without the account, and not again on warm pulls", async () => {
    const image = createImage([syntheticContent(100)]);
    hub.push("acme/proven", "1", image);
    await pull("acme/proven", image);
    const anonymous = hub.requests("token").filter(({ headers }) => !headers.authorization);
    expect(anonymous).toHaveLength(1);
    expect(hub.requests("registry", "HEAD").map(({ status }) => status)).toEqual([200]);
    hub.forget();
    expect(await pull("acme/proven", image)).toEqual(new Set([200]));
    expect(hub.log).toEqual([]);
  });

  test("is served after a restart while Docker Hub is away, layers without their manifest too", async () => {
    await mirror.restart();
    hub.faults.registry = "503";
    hub.faults.token = "503";
    for (const { digest } of open.blobs)
      expect(await receive(mirror.fetch(`/v2/acme/open/blobs/${digest}`))).toMatchObject({
        status: 200,
        digest,
      });
    expect((await mirror.fetch("/v2/acme/open/manifests/1")).status).toBe(200);
    expect(hub.log).toEqual([]);
  });

  test("is proven once for all who ask at once", async () => {
    const strict = await startTestMirror({ ...variables, PUBLIC_TTL_SECONDS: "0" });
    try {
      const image = createImage(Array.from({ length: 10 }, () => syntheticContent(100)));
      hub.push("acme/many", "1", image);
      await pull("acme/many", image, { from: strict });
      hub.forget();
      hub.faults.delayMs = 500;
      const paths = image.blobs.map(({ digest }) => `/v2/acme/many/blobs/${digest}`);
      const answers = await Promise.all(paths.map((path) => receive(strict.fetch(path))));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(hub.requests("registry").length).toBeLessThan(4);
    } finally {
      await strict.stop();
    }
  });

  test("that was deleted upstream but for its other tags still has the old digest", async () => {
    const strict = await startTestMirror({ ...variables, PUBLIC_TTL_SECONDS: "0" });
    try {
      const image = createImage([syntheticContent(100)]);
      hub.push("acme/old", "1", image);
      await pull("acme/old", image, { from: strict });
      hub.repository("acme/old").manifests.delete(image.manifest.content.digest);
      const path = `/v2/acme/old/manifests/${image.manifest.content.digest}`;
      expect((await strict.fetch(path)).status).toBe(200);
    } finally {
      await strict.stop();
    }
  });
});

test("content that was cached with an account is refused to strangers after the account was taken away", async () => {
  const {
    DOCKERHUB_USERNAME: _u,
    DOCKERHUB_TOKEN: _t,
    PRIVATE_REPOSITORIES: _p,
    ...rest
  } = variables;
  const changed = await startTestMirror(variables);
  try {
    await pull("acme/secret", secret, { from: changed, ...AS_TEAM });
    await pull("acme/open", open, { from: changed });
    await changed.restart(null, rest);
    hub.forget();
    expect(await pull("acme/secret", secret, { from: changed, ...AS_TEAM })).toEqual(
      new Set([404]),
    );
    // It does read what it stored before.
    expect(await pull("acme/open", open, { from: changed })).toEqual(new Set([200]));
    expect(hub.pulls()).toBe(0);
  } finally {
    await changed.stop();
  }
});
