import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { TYPES, contentOf, createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

let hub: FakeHub;
let mirror: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  mirror = await startTestMirror({ UPSTREAM: hub.url, TAG_TTL_SECONDS: "0" });
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});

test.each(["text/html", "application/xhtml+xml", "image/svg+xml"])(
  "a manifest that the registry calls %s is no page of the mirror's",
  async (mediaType) => {
    const page = '{"layers":[],"x":"<script>alert(1)</script>"}';
    hub.push("mallory/page", "1", { mediaType, content: contentOf(page) });
    for (const method of ["HEAD", "GET", "HEAD", "GET"]) {
      const response = await mirror.fetch("/v2/mallory/page/manifests/1", { method });
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe(TYPES.ociManifest);
    }
  },
);

test("what is no page loads nothing, runs nothing and has no origin", async () => {
  const image = createImage([syntheticContent(100)]);
  hub.push("team/app", "1", image);
  const blob = `/v2/team/app/blobs/${image.blobs[1]!.digest}`;
  for (const path of ["/healthz", "/v2/", "/v2/team/app/manifests/1", blob, "/v2/team/none", "/x"])
    expect((await mirror.fetch(path)).headers.get("content-security-policy")).toBe(
      "default-src 'none'; sandbox",
    );
  const page = (await mirror.fetch("/")).headers.get("content-security-policy");
  expect(page).toMatch(/style-src/);
});
