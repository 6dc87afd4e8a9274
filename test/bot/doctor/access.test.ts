import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createTarget } from "../../../bot/doctor/target.ts";
import { parseMirror } from "../../../bot/files/mirror.ts";
import { parseImageReference } from "../../../worker/oci/reference.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";
import { must } from "../verify/world.ts";
import { closing, diagnose } from "./run.ts";

const SECRET = "k3v9w2p8z1x6c4b7n5m0";
const WRONG = "a".repeat(20);

let hub: FakeHub;

beforeAll(async () => {
  hub = await startFakeHub();
  hub.push("library/hello-world", "latest", createImage([syntheticContent(500)]));
});
afterAll(() => hub.close());
beforeEach(() => hub.forget());

async function start(access: string): Promise<TestMirror> {
  const variables = { UPSTREAM: hub.url, ACCESS: access, ACCESS_TOKENS: `ci:${SECRET}` };
  const mirror = await startTestMirror(variables);
  closing(() => mirror.stop());
  return mirror;
}

it.each([
  ["in the URL's path", (origin: string) => [`${origin}/t/${SECRET}`, {}] as const],
  ["beside the URL", (origin: string) => [origin, { TIDEPOOL_SECRET: SECRET }] as const],
])("comes in with the secret %s, and sees that nobody comes in without", async (_, given) => {
  const mirror = await start("token:ci");
  const [url, env] = given(mirror.url.origin);
  const found = await diagnose(url, [], env);
  expect(found.exitCode).toBe(0);
  expect(found.checks["access"]).toMatchObject({
    status: "ok",
    measured: { statusWith: 200, statusWithout: 403 },
  });
  for (const place of ["/t/", "/v2/t/", "Bearer", "Basic"])
    expect(found.checks["access"]?.detail).toContain(place);
  expect(found.checks["pull"]?.status).toBe("ok");
  expect(found.stdout).not.toContain(SECRET);
});

it("is refused with a wrong secret, which is not printed, and pulls nothing", async () => {
  const mirror = await start("token:ci");
  const found = await diagnose(`${mirror.url.origin}/t/${WRONG}`);
  expect(found.exitCode).toBe(1);
  expect(found.mirror).toBe(`${mirror.url.origin}/t/***`);
  expect(found.checks["access"]?.detail).toBe("refused with the secret (403)");
  expect(found.stdout).not.toContain(WRONG);
  expect(hub.log).toEqual([]);
});

it("is refused without a secret, and told how to come in", async () => {
  const mirror = await start("token:ci");
  const found = await diagnose(mirror.url.origin);
  expect(found.checks["access"]?.detail).toBe("this client is refused (403)");
  expect(found.checks["access"]?.advice).toContain("TIDEPOOL_SECRET");
});

it("sees that a mirror with a secret lets in those without", async () => {
  const mirror = await start("open,token:ci");
  const found = await diagnose(`${mirror.url.origin}/t/${SECRET}`);
  expect(found.checks["access"]?.detail).toContain("and without it too (200)");
});

it.each([
  ["https://mirror.example.com", null, "https://mirror.example.com"],
  [`https://mirror.example.com/t/${SECRET}`, SECRET, "https://mirror.example.com"],
  [`https://${SECRET}.mirror.example.com`, SECRET, "https://mirror.example.com"],
  [`https://${SECRET}.mirror.example.com:8443`, SECRET, "https://mirror.example.com:8443"],
])("finds the secret in %s, and the way of one who has none", (url, secret, stranger) => {
  const image = must(parseImageReference("hello-world"));
  const target = createTarget(must(parseMirror(url)), { secret: null, image });
  expect(target.secret).toBe(secret);
  expect(target.door.base).toBe(url);
  expect(target.stranger).toMatchObject({ base: stranger, authorization: null });
});
