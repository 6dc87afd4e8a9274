import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createTarget } from "../../../bot/doctor/target.ts";
import { parseMirror } from "../../../bot/files/mirror.ts";
import { parseImageReference } from "../../../worker/oci/reference.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";
import { must } from "../verify/world.ts";
import { serve } from "./hostile-server.ts";
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
  // The ping is answered to anybody: the secret alone is at fault.
  expect(found.checks["api"]).toMatchObject({
    status: "ok",
    detail: expect.stringMatching(/^registry\/2\.0, \d+ ms; refused with the secret \(403\)$/),
  });
  expect(found.stdout).not.toContain("answer the bare /v2/");
  expect(found.stdout).not.toContain(WRONG);
  expect(hub.log).toEqual([]);
});

it("says that the bare ping is refused as well, where it is", async () => {
  const { origin } = await serve((_, response) => void response.writeHead(403).end());
  const found = await diagnose(`${origin}/t/${WRONG}`);
  expect(found.checks["api"]).toMatchObject({ status: "warning" });
  expect(found.checks["api"]?.advice).toContain("answer the bare /v2/ to anybody");
});

it.each([
  ["is a web page", (response: ServerResponse) => void response.end("<html></html>")],
  ["breaks off", (response: ServerResponse) => void response.destroy()],
])("blames the secret, and not what stands at the address without it and %s", async (_, bare) => {
  const { origin } = await serve((request, response) => {
    if (request.url?.startsWith("/t/") === true) response.writeHead(403).end();
    else bare(response);
  });
  const found = await diagnose(`${origin}/t/${WRONG}`);
  expect(found.checks["api"]).toMatchObject({
    status: "warning",
    detail: "GET /v2/ is refused with the secret (403), and without it no registry answers",
  });
  expect(found.checks["access"]?.detail).toBe("refused with the secret (403)");
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

it("says that its address is not listened to, and not that it was let in", async () => {
  const mirror = await start("token:ci");
  for (let tries = 0; tries < 11; tries += 1)
    await fetch(
      `${mirror.url.origin}/t/${String.fromCodePoint(98 + tries).repeat(20)}/v2/_catalog`,
    );
  const found = await diagnose(`${mirror.url.origin}/t/${WRONG}`);
  expect(found.checks["access"]).toMatchObject({
    status: "failed",
    measured: { statusWith: 429 },
  });
  expect(found.checks["access"]?.detail).toContain("too many wrong secrets");
  expect(found.checks["pull"]).toMatchObject({ detail: "not tried, since access failed" });
});

it("tells who is let in while Docker Hub is away", async () => {
  const mirror = await start("token:ci");
  hub.faults.registry = "503";
  const found = await diagnose(`${mirror.url.origin}/t/${SECRET}`);
  hub.faults = noFaults();
  expect(found.checks["access"]).toMatchObject({
    status: "ok",
    detail: "let in with the secret (503), refused without it (403)",
  });
  expect(found.checks["pull"]?.status).toBe("failed");
});

it.each([429, 503])("cannot tell who is let in by a %s that nothing explains", async (status) => {
  const { origin } = await serve((request, response) => {
    const isPing = request.url?.endsWith("/v2/") === true;
    response.writeHead(isPing ? 200 : status, {
      "Docker-Distribution-Api-Version": "registry/2.0",
    });
    response.end();
  });
  const without = await diagnose(origin);
  const within = await diagnose(`${origin}/t/${SECRET}`);
  for (const found of [without, within])
    expect(found.checks["access"]).toMatchObject({
      status: "unknown",
      detail: `whether this client is let in cannot be told: it was answered ${status}`,
    });
});

it("blames no account for a pull that the mirror's own limiter refuses", async () => {
  const { origin } = await serve((request, response) => {
    const isManifest = request.url?.includes("/manifests/") === true && request.method === "GET";
    response.writeHead(isManifest ? 429 : 200, {
      "Docker-Distribution-Api-Version": "registry/2.0",
      "Retry-After": "540",
    });
    const errors = [
      { code: "TOOMANYREQUESTS", message: "too many wrong secrets from this address" },
    ];
    response.end(isManifest ? JSON.stringify({ errors }) : undefined);
  });
  const found = await diagnose(origin);
  expect(found.checks["pull"]?.advice).toMatch(
    /^the mirror does not listen to this address, until 540 s from now/,
  );
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
