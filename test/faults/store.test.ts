import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { receive } from "../helpers/bytes.ts";
import { noFaults } from "../helpers/fake-hub/faults.ts";
import { createImage, syntheticContent } from "../helpers/images.ts";
import type { StoreFault } from "./worker/fault.ts";
import { type World, startWorld } from "./world.ts";

const MIB = 1024 * 1024;

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());
afterEach(async () => {
  world.hub.faults = noFaults();
  await world.fresh.clearFaults("");
});

function failing(operation: StoreFault["operation"]): StoreFault {
  return { match: "", operation, kind: "fail", times: 1000, delayMs: 0, afterBytes: 0 };
}

function publish(size: number) {
  const layer = syntheticContent(size);
  world.hub.push("team/app", "1", createImage([layer]));
  return { layer, path: `/v2/team/app/blobs/${layer.digest}` };
}

test("a catalog that the store cannot list is a 503 that says when to ask again", async () => {
  await world.fresh.addFaults([failing("list")]);
  const response = await world.fresh.fetch("/v2/_catalog");
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(await response.json()).toMatchObject({ errors: [{ code: "NAME_UNKNOWN" }] });
});

test("tags that neither upstream nor store can list are the upstream's error", async () => {
  publish(10);
  world.hub.faults.registry = "429";
  await world.fresh.addFaults([failing("list")]);
  const response = await world.fresh.fetch("/v2/team/app/tags/list");
  expect(response.status).toBe(429);
  expect(await response.json()).toMatchObject({ errors: [{ code: "TOOMANYREQUESTS" }] });
});

test("a client served past a store that is away is told in time when the CDN is silent", async () => {
  const { path } = publish(3000);
  await world.fresh.addFaults([failing("get")]);
  world.hub.faults.cdn = "hang";
  const got = await receive(world.fresh.fetch(path));
  expect(got.status).toBe(504);
  expect(got.ms).toBeLessThan(15_000);
}, 30_000);

test("a client served past a store that is away reads on at its own pace", async () => {
  const { layer, path } = publish(14 * MIB);
  await world.fresh.addFaults([failing("get")]);
  world.hub.faults.bytesPerSecond = MIB;
  const got = await receive(world.fresh.fetch(path));
  expect(got).toMatchObject({ status: 200, digest: layer.digest, broken: false });
  expect(got.ms).toBeGreaterThan(12_000);
}, 60_000);

test("a fill that is reset under its readers goes on, and so do they", async () => {
  const { layer, path } = publish(24 * MIB);
  world.hub.faults.bytesPerSecond = 20 * MIB;
  const response = await world.fresh.fetch(path);
  await world.fresh.reset("fill", layer.digest);
  const got = await receive(Promise.resolve(response));
  expect(got).toMatchObject({ status: 200, digest: layer.digest, broken: false });
  expect(world.hub.bytesSent.get(layer.digest)).toBeLessThan(2 * layer.size);
});
