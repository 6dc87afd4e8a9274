import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Stats } from "../../../worker/contract/stats.ts";
import { receive } from "../../helpers/bytes.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { readApi } from "../../helpers/ledger.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

const MIB = 1024 * 1024;

let hub: FakeHub;
const mirrors: TestMirror[] = [];

beforeEach(async () => {
  hub = await startFakeHub();
});
afterEach(async () => {
  await Promise.all(mirrors.splice(0).map((mirror) => mirror.stop()));
  await hub.close();
});

async function startMirror(variables: Record<string, string> = {}): Promise<TestMirror> {
  const mirror = await startTestMirror({ UPSTREAM: hub.url, ...variables });
  mirrors.push(mirror);
  return mirror;
}

/** Waits until the stats hold something; records come after the answers. */
async function expectStats(mirror: TestMirror, expected: object): Promise<void> {
  await vi.waitFor(
    async () => expect(await readApi(mirror, "/api/stats", Stats)).toMatchObject(expected),
    { timeout: 15_000, interval: 200 },
  );
}

test("a counted pull that answers a HEAD or ends as 304 is counted here too", async () => {
  const mirror = await startMirror();
  const [first, second] = [createImage([]), createImage([syntheticContent(10)])];
  hub.push("team/head", "1", first);
  hub.push("team/same", "1", second);
  hub.faults.headWithoutDigest = true;
  expect((await mirror.fetch("/v2/team/head/manifests/1", { method: "HEAD" })).status).toBe(200);
  const headers = { "if-none-match": `"${second.manifest.content.digest}"` };
  expect((await mirror.fetch("/v2/team/same/manifests/1", { headers })).status).toBe(304);
  expect(hub.pulls()).toBe(2);
  const bytesFetched = first.manifest.content.size + second.manifest.content.size;
  await expectStats(mirror, {
    totals: { pulls: 0, upstreamPulls: 2, bytesFetched },
    upstreams: [{ upstream: "docker.io", pulls: 0, upstreamPulls: 2 }, {}, {}, {}, {}, {}, {}],
  });
});

test("a manifest from another source is bytes fetched, and no counted pull", async () => {
  const source = await startFakeHub();
  try {
    const mirror = await startMirror({ SOURCES: source.url });
    const image = createImage([]);
    for (const one of [hub, source]) one.push("team/app", "1", image);
    await receive(mirror.fetch("/v2/team/app/manifests/1"));
    expect(hub.pulls()).toBe(0);
    const bytesFetched = image.manifest.content.size;
    await expectStats(mirror, { totals: { pulls: 1, upstreamPulls: 0, bytesFetched } });
  } finally {
    await source.close();
  }
});

test("a large blob that turns out wrong while it is sent is a failure of its registry", async () => {
  const mirror = await startMirror();
  const layer = syntheticContent(20 * MIB);
  hub.push("team/app", "1", createImage([layer]));
  await receive(mirror.fetch("/v2/team/app/manifests/1"));
  hub.faults.corruptBlobs = true;
  expect((await receive(mirror.fetch(`/v2/team/app/blobs/${layer.digest}`))).broken).toBe(true);
  const failure = { kind: "bad-response", count: 1 };
  await expectStats(mirror, {
    upstreams: [{ failure: { kind: "bad-response" }, failures: [failure] }, {}, {}, {}, {}, {}, {}],
  });
});
