import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

const SECRET = "sh0ps3cr3tsh0ps3cr3tsh";

let hub: FakeHub;
let mirror: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  hub.push("sub/app", "1", createImage([syntheticContent(100)]));
  mirror = await startTestMirror({
    UPSTREAM: "http://127.0.0.1:9",
    UPSTREAMS: JSON.stringify({ "registry.example.com": { url: hub.url } }),
    ACCESS: "open token:shop",
    ACCESS_TOKENS: `shop:${SECRET}`,
  });
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});
beforeEach(() => hub.forget());

test.each(["tool", "sh0ps3cr3tsh0ps3cr3tsX", "wr0ngs3cr3twr0ngs3cr3t"])(
  "t/%s/sub/app of the registry that ns names is not its sub/app",
  async (name) => {
    const path = `/v2/t/${name}/sub/app/manifests/1?ns=registry.example.com`;
    expect((await mirror.fetch(path)).status).toBe(404);
    const headers = { authorization: `Bearer ${SECRET}` };
    expect((await mirror.fetch(path, { headers })).status).toBe(404);
    expect(hub.log).toEqual([]);
  },
);

test("with a right secret in the path it is", async () => {
  for (const path of [`/v2/t/${SECRET}/sub/app`, `/t/${SECRET}/v2/sub/app`])
    expect((await mirror.fetch(`${path}/manifests/1?ns=registry.example.com`)).status).toBe(200);
});
