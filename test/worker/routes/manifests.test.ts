import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import {
  TYPES,
  contentOf,
  createImage,
  createIndex,
  syntheticContent,
} from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

let hub: FakeHub;
/** Never asks twice within a test. */
let mirror: TestMirror;
/** Asks the upstream about a tag every time. */
let eager: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  [mirror, eager] = await Promise.all([
    startTestMirror({ UPSTREAM: hub.url, TAG_TTL_SECONDS: "3600" }),
    startTestMirror({ UPSTREAM: hub.url, TAG_TTL_SECONDS: "0" }),
  ]);
});
afterAll(async () => {
  await Promise.all([mirror.stop(), eager.stop()]);
  await hub.close();
});
beforeEach(() => {
  hub.forget();
  hub.faults = noFaults();
  hub.remaining = null;
});

let serial = 0;
/** A repository of its own for each test. */
function publish(tag = "1", mediaType = TYPES.dockerManifest) {
  const repository = `team/app-${(serial += 1)}`;
  const image = createImage([syntheticContent(1000)], mediaType);
  hub.push(repository, tag, image);
  return { repository, image, path: `/v2/${repository}/manifests/${tag}` };
}

describe("a manifest", () => {
  test("comes byte for byte as Docker Hub has it, with its type, digest and length", async () => {
    const { path, image } = publish();
    const { content, mediaType } = image.manifest;
    const response = await mirror.fetch(path);
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(content.read(0, content.size));
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": mediaType,
      "content-length": String(content.size),
      "docker-content-digest": content.digest,
      etag: `"${content.digest}"`,
      "docker-distribution-api-version": "registry/2.0",
      "x-content-type-options": "nosniff",
      "x-cache": "MISS",
    });
  });

  test("is one counted pull for thirty clients in a row", async () => {
    const { path, repository } = publish();
    for (let n = 0; n < 30; n += 1) expect((await mirror.fetch(path)).status).toBe(200);
    expect(hub.pulls(repository)).toBe(1);
  });

  test("is one counted pull for thirty clients at once", async () => {
    const { path, repository } = publish();
    const responses = await Promise.all(Array.from({ length: 30 }, () => mirror.fetch(path)));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect(hub.pulls(repository)).toBe(1);
  });

  test("is found by digest after it was pulled by tag, without asking again", async () => {
    const { path, repository, image } = publish();
    await mirror.fetch(path);
    hub.faults.registry = "503";
    const response = await mirror.fetch(
      `/v2/${repository}/manifests/${image.manifest.content.digest}`,
    );
    expect(response.status).toBe(200);
    expect(response.headers.get("x-cache")).toBe("HIT");
  });

  test("by HEAD costs no counted pull, and says what a GET would", async () => {
    const { path, repository, image } = publish();
    const head = await mirror.fetch(path, { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe(String(image.manifest.content.size));
    expect(head.headers.get("content-type")).toBe(image.manifest.mediaType);
    expect(head.headers.get("docker-content-digest")).toBe(image.manifest.content.digest);
    expect(hub.pulls(repository)).toBe(0);
    const byDigest = await mirror.fetch(
      `/v2/${repository}/manifests/${image.manifest.content.digest}`,
      {
        method: "HEAD",
      },
    );
    expect(byDigest.status).toBe(200);
    expect(hub.pulls(repository)).toBe(0);
  });

  test("by HEAD and then by digest, as dockerd asks, is one counted pull", async () => {
    const { path, repository, image } = publish();
    await mirror.fetch(path, { method: "HEAD" });
    await mirror.fetch(`/v2/${repository}/manifests/${image.manifest.content.digest}`);
    await mirror.fetch(path);
    expect(hub.pulls(repository)).toBe(1);
  });

  test("by HEAD from a Docker Hub that takes three seconds is waited for: there is nothing else to serve", async () => {
    const { path } = publish();
    hub.faults.delayMs = 3000;
    const head = await mirror.fetch(path, { method: "HEAD" });
    hub.faults.delayMs = 0;
    expect(head.status).toBe(200);
  });

  test("that the client has already is 304", async () => {
    const { path, image } = publish();
    const etag = `"${image.manifest.content.digest}"`;
    const response = await mirror.fetch(path, { headers: { "if-none-match": etag } });
    expect(response.status).toBe(304);
    expect(response.headers.get("etag")).toBe(etag);
    expect(await response.text()).toBe("");
  });

  test.each([
    TYPES.ociManifest,
    TYPES.dockerManifest,
    "application/vnd.example.unheard-of.v7+json",
  ])("of type %s keeps its type", async (type) => {
    const { path } = publish("1", type);
    expect((await mirror.fetch(path)).headers.get("content-type")).toBe(type);
    expect((await mirror.fetch(path)).headers.get("content-type")).toBe(type);
  });

  test("without mediaType inside is served with the type Docker Hub gave", async () => {
    const content = contentOf('{"schemaVersion":2,"config":{},"layers":[]}');
    hub.push("team/bare", "1", { mediaType: TYPES.ociManifest, content });
    const response = await mirror.fetch("/v2/team/bare/manifests/1");
    expect(response.headers.get("content-type")).toBe(TYPES.ociManifest);
    expect(response.headers.get("docker-content-digest")).toBe(content.digest);
  });

  test("of many platforms is an index, and only what is asked for is pulled", async () => {
    const images = [createImage([syntheticContent(10)]), createImage([syntheticContent(11)])];
    const index = createIndex(images);
    for (const image of images) hub.push("team/multi", "unused", image);
    hub.push("team/multi", "1", index);
    const response = await mirror.fetch("/v2/team/multi/manifests/1");
    expect(response.headers.get("content-type")).toBe(TYPES.ociIndex);
    const digest = images[1]?.manifest.content.digest;
    expect((await mirror.fetch(`/v2/team/multi/manifests/${digest}`)).status).toBe(200);
    expect(hub.pulls("team/multi")).toBe(2);
  });

  test("of an official image is stored once, with and without library/", async () => {
    const image = createImage([syntheticContent(5)]);
    hub.push("library/alpine", "3", image);
    expect((await mirror.fetch("/v2/alpine/manifests/3")).status).toBe(200);
    expect((await mirror.fetch("/v2/library/alpine/manifests/3")).status).toBe(200);
    expect(hub.pulls()).toBe(1);
  });

  test("with wrong bytes is refused and not stored", async () => {
    const { path } = publish();
    hub.faults.corruptManifests = true;
    const refused = await mirror.fetch(path);
    expect(refused.status).toBe(502);
    hub.faults = noFaults();
    expect((await mirror.fetch(path)).headers.get("x-cache")).toBe("MISS");
  });
});

describe("a tag", () => {
  test("that did not move is confirmed without a counted pull", async () => {
    const { path, repository } = publish();
    await eager.fetch(path);
    const again = await eager.fetch(path);
    expect(again.headers.get("x-cache")).toBe("REVALIDATED");
    expect(hub.pulls(repository)).toBe(1);
  });

  test("that moved is followed, and the old digest stays", async () => {
    const { path, repository, image } = publish();
    await eager.fetch(path);
    const moved = createImage([syntheticContent(2000)]);
    hub.push(repository, "1", moved);
    const response = await eager.fetch(path);
    expect(response.headers.get("docker-content-digest")).toBe(moved.manifest.content.digest);
    const old = await eager.fetch(`/v2/${repository}/manifests/${image.manifest.content.digest}`);
    expect(old.status).toBe(200);
    expect(hub.pulls(repository)).toBe(2);
  });

  test("inside its TTL is not asked for upstream", async () => {
    const { path } = publish();
    await mirror.fetch(path);
    hub.forget();
    await mirror.fetch(path);
    await mirror.fetch(path, { method: "HEAD" });
    expect(hub.log).toEqual([]);
  });

  test("that was deleted at Docker Hub is refused, and stays refused when Docker Hub is away", async () => {
    const { path, repository } = publish();
    await eager.fetch(path);
    hub.repository(repository).tags.delete("1");
    expect((await eager.fetch(path)).status).toBe(404);
    hub.faults.registry = "503";
    expect((await eager.fetch(path)).status).toBe(503);
  });

  test("of a repository that turned private is refused", async () => {
    const { path, repository } = publish();
    await eager.fetch(path);
    hub.repository(repository).isPrivate = true;
    const refused = await eager.fetch(path);
    expect(refused.status).toBe(404);
    expect(refused.headers.get("www-authenticate")).toBeNull();
    expect(await refused.json()).toMatchObject({ errors: [{ code: "NAME_UNKNOWN" }] });
  });

  test("at an upstream that names no digest on HEAD is still found", async () => {
    const { path, image } = publish();
    hub.faults.headWithoutDigest = true;
    const head = await eager.fetch(path, { method: "HEAD" });
    expect(head.headers.get("docker-content-digest")).toBe(image.manifest.content.digest);
  });
});

const OUTAGES = ["429", "500", "503", "reset", "hang"] as const;
const STATUS = { "429": 429, "500": 500, "503": 503, reset: 502, hang: 504 };

describe.each(OUTAGES)("while Docker Hub answers with %s", (outage) => {
  test("a cached image is served within 3 s, and says that it is stale", async () => {
    const { path } = publish();
    await eager.fetch(path);
    hub.faults.registry = outage;
    const startedAt = performance.now();
    const response = await eager.fetch(path);
    expect(response.status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(response.headers.get("x-cache")).toBe("STALE");
    expect(response.headers.get("age")).toMatch(/^\d+$/);
    expect(response.headers.get("warning")).toMatch(
      /^299 - "stale: docker\.io is [\w-]+, this tag was last confirmed at most \d+ s ago"$/,
    );
    expect((await eager.fetch(path, { method: "HEAD" })).status).toBe(200);
  });

  test("an uncached image gets the true status, and works once Docker Hub does", async () => {
    const { path } = publish();
    hub.faults.registry = outage;
    const response = await eager.fetch(path);
    expect(response.status).toBe(STATUS[outage]);
    expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
    const code = outage === "429" ? "TOOMANYREQUESTS" : "MANIFEST_UNKNOWN";
    expect(await response.json()).toMatchObject({
      errors: [{ code, message: expect.any(String) }],
    });
    hub.faults = noFaults();
    expect((await eager.fetch(path)).status).toBe(200);
  });
});

test("a cached image is served right after a restart of the mirror while Docker Hub hangs", async () => {
  const { path } = publish();
  await eager.fetch(path);
  await eager.restart();
  hub.faults.registry = "hang";
  hub.faults.token = "hang";
  const startedAt = performance.now();
  const response = await eager.fetch(path);
  expect(response.headers.get("x-cache")).toBe("STALE");
  expect(performance.now() - startedAt).toBeLessThan(3000);
});

test("with the pull limit used up, a cached tag is still confirmed and an unknown image is 429", async () => {
  const { path } = publish();
  await eager.fetch(path);
  hub.remaining = 0;
  expect((await eager.fetch(path)).headers.get("x-cache")).toBe("REVALIDATED");
  const { path: unknown } = publish();
  expect((await eager.fetch(unknown)).status).toBe(429);
});

test("a tag that moved while the pull limit is used up is served as it was", async () => {
  const { path, repository, image } = publish();
  await eager.fetch(path);
  hub.push(repository, "1", createImage([syntheticContent(3)]));
  hub.remaining = 0;
  const response = await eager.fetch(path);
  expect(response.headers.get("x-cache")).toBe("STALE");
  expect(response.headers.get("docker-content-digest")).toBe(image.manifest.content.digest);
});

test("dockerd and containerd are told 503 where the limit is reached, since they leave a mirror for it", async () => {
  const { path } = publish();
  hub.remaining = 0;
  const headers = { "user-agent": "docker/20.10.24 go/go1.19.8" };
  const response = await eager.fetch(path, { headers });
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ errors: [{ code: "TOOMANYREQUESTS" }] });
});
