import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { type Image, createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";
import { parsePrometheus } from "../../helpers/prometheus.ts";

let hub: FakeHub;
let first: FakeHub;
let second: FakeHub;
let mirror: TestMirror;

beforeAll(async () => {
  [hub, first, second] = await Promise.all([startFakeHub(), startFakeHub(), startFakeHub()]);
});
afterAll(async () => {
  await Promise.all([hub.close(), first.close(), second.close()]);
});
// A mirror of its own for each test: which sources are resting is remembered.
beforeEach(async () => {
  for (const one of [hub, first, second]) {
    one.forget();
    one.faults = noFaults();
    one.remaining = null;
  }
  const { username, password } = hub.account;
  mirror = await startTestMirror({
    UPSTREAM: hub.url,
    SOURCES: `${first.url}, ${second.url}`,
    DOCKERHUB_USERNAME: username,
    DOCKERHUB_TOKEN: password,
    TAG_TTL_SECONDS: "0",
  });
  return () => mirror.stop();
});

let serial = 0;
/** Publishes an image at Docker Hub and at some of the sources. */
function publish(sources: readonly FakeHub[], size = 1000) {
  const repository = `team/app-${(serial += 1)}`;
  const image = createImage([syntheticContent(size)]);
  for (const one of [hub, ...sources]) one.push(repository, "1", image);
  return { repository, image };
}

async function pull({ repository, image }: { repository: string; image: Image }) {
  const manifest = await mirror.fetch(`/v2/${repository}/manifests/1`);
  const layers = [];
  for (const { digest } of image.blobs)
    layers.push(await receive(mirror.fetch(`/v2/${repository}/blobs/${digest}`)));
  return {
    status: manifest.status,
    digest: manifest.headers.get("docker-content-digest"),
    layers: layers.map(({ digest }) => digest),
  };
}

function expected(image: Image) {
  const { digest } = image.manifest.content;
  return { status: 200, digest, layers: image.blobs.map((blob) => blob.digest) };
}

test("with the pull limit at zero a new image that a source has is served, at no counted pull", async () => {
  const published = publish([first]);
  hub.remaining = 0;
  expect(await pull(published)).toEqual(expected(published.image));
  expect(hub.pulls()).toBe(0);
  expect(hub.bytesSent.size).toBe(0);
  // By digest alone, and not in the operator's name.
  for (const { url } of first.requests("registry")) expect(url).toMatch(/@?sha256:[0-9a-f]{64}$/);
  expect(JSON.stringify([first.log, second.log])).not.toContain(hub.account.password);
  expect(first.requests("token").every(({ headers }) => !headers.authorization)).toBe(true);
});

test("the tag's digest is Docker Hub's word, whatever a source's tag says", async () => {
  const published = publish([]);
  first.push(published.repository, "1", createImage([syntheticContent(50)]));
  expect(await pull(published)).toEqual(expected(published.image));
  expect(hub.pulls()).toBe(1);
});

test("they are asked in their order, and Docker Hub last", async () => {
  const both = publish([first, second]);
  await pull(both);
  expect([first.pulls(), second.pulls(), hub.pulls()]).toEqual([1, 0, 0]);
  const later = publish([second]);
  await pull(later);
  expect([first.pulls(), second.pulls(), hub.pulls()]).toEqual([1, 1, 0]);
  const none = publish([]);
  expect(await pull(none)).toEqual(expected(none.image));
  expect([first.pulls(), second.pulls(), hub.pulls()]).toEqual([1, 1, 1]);
});

/** How many lies the mirror has counted. */
async function lies(): Promise<number> {
  const text = await (await mirror.fetch("/metrics")).text();
  const { samples = [] } = parsePrometheus(text).get("tidepool_upstream_failures_total") ?? {};
  return samples.find(({ labels }) => labels["kind"] === "lying-source")?.value ?? 0;
}

describe("a lying source", () => {
  test("of manifests is refused, counted, and the next one asked", async () => {
    const published = publish([first, second]);
    first.faults.corruptManifests = true;
    expect(await pull(published)).toEqual(expected(published.image));
    expect(second.pulls()).toBe(1);
    await expect.poll(lies, { timeout: 15_000 }).toBe(1);
    // It is not asked again for a while.
    first.forget();
    await pull(publish([first, second]));
    expect(
      first.requests("registry", "GET").filter(({ url }) => url.includes("/manifests/")),
    ).toEqual([]);
  });

  test("of a small layer is refused, counted, and the next one asked, within the same answer", async () => {
    const published = publish([first, second]);
    first.faults.corruptBlobs = true;
    expect(await pull(published)).toEqual(expected(published.image));
    expect(hub.bytesSent.size).toBe(0);
    await expect.poll(lies, { timeout: 15_000 }).toBeGreaterThan(0);
  });

  test("of a large layer breaks the answer off, and the client's next try is another source's", async () => {
    const published = publish([first], 20 * 1024 * 1024);
    first.faults.corruptBlobs = true;
    const { digest } = published.image.blobs[1]!;
    const path = `/v2/${published.repository}/blobs/${digest}`;
    expect((await receive(mirror.fetch(path))).digest).not.toBe(digest);
    expect(await receive(mirror.fetch(path))).toMatchObject({ status: 200, digest, broken: false });
  });
});

test.each(["503", "reset", "hang", "429"] as const)(
  "a source that answers with %s costs a moment and no pull",
  async (outage) => {
    const published = publish([first, second]);
    first.faults.registry = outage;
    expect(await pull(published)).toEqual(expected(published.image));
    expect(hub.pulls()).toBe(0);
  },
);

test("with every source away Docker Hub is asked as ever", async () => {
  const published = publish([first, second]);
  for (const one of [first, second]) one.faults.registry = "reset";
  expect(await pull(published)).toEqual(expected(published.image));
});

test("a source that breaks off in a layer is gone on from by others", async () => {
  const published = publish([first, second], 20 * 1024 * 1024);
  first.faults.cut = { afterBytes: 300_000, times: 1000 };
  expect(await pull(published)).toEqual(expected(published.image));
});

test("what Docker Hub does not show, no source is asked for", async () => {
  const { repository, image } = publish([first]);
  hub.repository(repository).isPrivate = true;
  const { digest } = image.manifest.content;
  for (const path of [`manifests/1`, `manifests/${digest}`, `blobs/${image.blobs[1]!.digest}`])
    expect((await mirror.fetch(`/v2/${repository}/${path}`)).status).toBe(404);
  expect(first.log).toEqual([]);
});

test("a source that has Docker Hub's images below a name of its own is asked for them there", async () => {
  const below = await startTestMirror({
    UPSTREAM: hub.url,
    SOURCES: `${first.url}/mirrors/docker/`,
  });
  try {
    const { repository, image } = publish([], 20 * 1024 * 1024);
    first.push(`mirrors/docker/${repository}`, "other", image);
    hub.remaining = 0;
    const { digest } = image.manifest.content;
    const manifest = await below.fetch(`/v2/${repository}/manifests/1`);
    expect([manifest.status, manifest.headers.get("docker-content-digest")]).toEqual([200, digest]);
    for (const blob of image.blobs)
      expect(await receive(below.fetch(`/v2/${repository}/blobs/${blob.digest}`))).toMatchObject({
        status: 200,
        digest: blob.digest,
      });
    expect([hub.pulls(), hub.bytesSent.size]).toEqual([0, 0]);
  } finally {
    await below.stop();
  }
});

test("SOURCES with a path that is no name stops the mirror", async () => {
  const stopped = await startTestMirror({ UPSTREAM: hub.url, SOURCES: "public.ecr.aws/Docker" });
  try {
    expect(await (await stopped.fetch("/healthz")).text()).toContain(
      "SOURCES has a path that no repository's name begins with",
    );
  } finally {
    await stopped.stop();
  }
});

test.each(["ftp://mirror.gcr.io", "https://u:p@mirror.gcr.io", "https://mirror.gcr.io?x"])(
  "SOURCES with %s stops the mirror",
  async (source) => {
    const stopped = await startTestMirror({ UPSTREAM: hub.url, SOURCES: source });
    try {
      const response = await stopped.fetch("/healthz");
      expect(response.status).toBe(500);
      expect(await response.text()).toMatch(/SOURCES must/);
    } finally {
      await stopped.stop();
    }
  },
);
