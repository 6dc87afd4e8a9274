import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { receive } from "../../helpers/bytes.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { type Content, TYPES, contentOf, createImage } from "../../helpers/images.ts";
import { syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

const SECRET = "tokenofthewholeteam2026";
const AS_TEAM = { headers: { authorization: `Bearer ${SECRET}` } };

/** The team's alone, and cached. */
const layer = syntheticContent(2000);
/** Of a public base image, and of the team's. */
const base = syntheticContent(3000);

let hub: FakeHub;
let mirror: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  const secret = createImage([base, layer]);
  hub.push("acme/secret", "1", secret);
  hub.repository("acme/secret").isPrivate = true;
  const { username, password } = hub.account;
  mirror = await startTestMirror({
    UPSTREAM: hub.url,
    DOCKERHUB_USERNAME: username,
    DOCKERHUB_TOKEN: password,
    ACCESS: "open token:team",
    ACCESS_TOKENS: `team:${SECRET}`,
    PRIVATE_REPOSITORIES: "acme/secret",
    TAG_TTL_SECONDS: "3600",
  });
  expect((await mirror.fetch("/v2/acme/secret/manifests/1", AS_TEAM)).status).toBe(200);
  for (const { digest } of secret.blobs)
    await receive(mirror.fetch(`/v2/acme/secret/blobs/${digest}`, AS_TEAM));
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});
beforeEach(() => hub.forget());

const pointTo = ({ digest, size }: Content, more: object = {}) => ({
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  digest,
  size,
  ...more,
});

/** How a manifest can name what its repository has not, each at a registry that looks less closely than the one before. */
const forgeries: Record<string, object> = {
  "in a field of artifacts": { layers: [], blobs: [pointTo(layer)] },
  "as a foreign layer": { layers: [pointTo(layer, { urls: ["https://example.com/x"] })] },
  "as a layer": { layers: [pointTo(layer)] },
  "as its config": { config: pointTo(layer), layers: [] },
};

async function expectHidden(manifest: string): Promise<void> {
  expect((await mirror.fetch(manifest)).status).toBe(200);
  const path = `/v2/mallory/forged/blobs/${layer.digest}`;
  for (const init of [{}, { method: "HEAD" }, { headers: { range: "bytes=0-9" } }])
    expect((await mirror.fetch(path, init)).status).toBe(404);
  expect((await mirror.fetch(path, AS_TEAM)).status).toBe(404);
}

describe("a private layer that a public image names", () => {
  test.each(Object.entries(forgeries))("%s is not served", async (_how, fields) => {
    const mediaType = TYPES.ociManifest;
    const content = contentOf(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
    hub.push("mallory/forged", "1", { mediaType, content });
    await expectHidden(`/v2/mallory/forged/manifests/${content.digest}`);
  });

  test.each([
    ["as an artifact's blob", "application/vnd.oci.artifact.manifest.v1+json", "blobs"],
    ["as an index's manifest", TYPES.ociIndex, "manifests"],
  ])("%s is not served", async (_how, mediaType, field) => {
    const body = { schemaVersion: 2, mediaType, [field]: [pointTo(layer)] };
    const content = contentOf(JSON.stringify(body));
    hub.push("mallory/forged", "1", { mediaType, content });
    await expectHidden(`/v2/mallory/forged/manifests/${content.digest}`);
  });

  test("is not served after a restart either, when the inventory alone knows the name", async () => {
    await mirror.restart();
    expect((await mirror.fetch(`/v2/mallory/forged/blobs/${layer.digest}`)).status).toBe(404);
  });
});

test("a layer that public and private images share is asked for once, and then never again", async () => {
  const image = createImage([base]);
  hub.push("acme/base", "1", image);
  const path = `/v2/acme/base/blobs/${base.digest}`;
  const pull = async () => {
    expect((await mirror.fetch("/v2/acme/base/manifests/1")).status).toBe(200);
    expect(await receive(mirror.fetch(path))).toMatchObject({ status: 200, digest: base.digest });
  };
  await pull();
  expect(hub.bytesSent.get(base.digest) ?? 0).toBe(0);
  const heads = hub.requests("registry", "HEAD").filter(({ url }) => url.includes(base.digest));
  expect(heads.map(({ status }) => status)).toEqual([307]);
  hub.forget();
  await pull();
  expect(hub.log).toEqual([]);
  await mirror.restart();
  await pull();
  expect(hub.log).toEqual([]);
});
