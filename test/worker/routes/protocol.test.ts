import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";
import { ERROR_CODES } from "../../../worker/oci/error-code.ts";

let hub: FakeHub;
let mirror: TestMirror;
let closed: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  [mirror, closed] = await Promise.all([
    startTestMirror({ UPSTREAM: hub.url }),
    startTestMirror({ UPSTREAM: hub.url, ACCESS: "" }),
  ]);
});
afterAll(async () => {
  await Promise.all([mirror.stop(), closed.stop()]);
  await hub.close();
});

const DIGEST = `sha256:${"a".repeat(64)}`;

test.each(["/v2/", "/v2"])("%s answers at once and asks nobody", async (path) => {
  const response = await mirror.fetch(path);
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("{}");
  expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
  expect(hub.log).toEqual([]);
});

test("/healthz asks nobody", async () => {
  expect(await (await mirror.fetch("/healthz")).json()).toEqual({ status: "ok" });
  expect(hub.log).toEqual([]);
});

test.each([
  ["PUT", "/v2/a/b/manifests/1"],
  ["POST", "/v2/a/b/blobs/uploads/"],
  ["PATCH", "/v2/a/b/blobs/uploads/123"],
  ["DELETE", `/v2/a/b/blobs/${DIGEST}`],
  ["DELETE", "/v2/a/b/manifests/1"],
  ["GET", "/v2/a/b/blobs/uploads/123"],
])("%s %s is 405 UNSUPPORTED", async (method, path) => {
  const response = await mirror.fetch(path, { method });
  expect(response.status).toBe(405);
  expect(response.headers.get("allow")).toBe("GET, HEAD");
  expect(await response.json()).toMatchObject({ errors: [{ code: "UNSUPPORTED" }] });
});

test.each([
  ["/v2/UPPER/case/manifests/1", 400, "NAME_INVALID"],
  ["/v2/a//b/manifests/1", 400, "NAME_INVALID"],
  ["/v2/a/-b/manifests/1", 400, "NAME_INVALID"],
  ["/v2/a/../b/tags/list", 404, "NAME_UNKNOWN"],
  ["/v2/a/b%2fc/manifests/1", 400, "NAME_INVALID"],
  ["/v2/a/b/manifests/.hidden", 404, "MANIFEST_UNKNOWN"],
  [`/v2/a/b/manifests/${"t".repeat(129)}`, 404, "MANIFEST_UNKNOWN"],
  ["/v2/a/b/manifests/sha256:short", 400, "DIGEST_INVALID"],
  ["/v2/a/b/manifests/md5:abc", 400, "DIGEST_INVALID"],
  ["/v2/a/b/blobs/latest", 400, "DIGEST_INVALID"],
  [`/v2/a/b/blobs/${DIGEST.toUpperCase()}`, 400, "DIGEST_INVALID"],
  ["/v2/a/b/nothing/here", 404, "NAME_UNKNOWN"],
  [`/v2/${"a/".repeat(700)}b/manifests/1`, 404, "NAME_UNKNOWN"],
  [`/v2/${"a".repeat(256)}/manifests/1`, 400, "NAME_INVALID"],
  ["/elsewhere", 404, "NAME_UNKNOWN"],
])("%s is %d %s, and nothing is asked upstream", async (path, status, code) => {
  hub.forget();
  const response = await mirror.fetch(path);
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toContain("application/json");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(await response.json()).toMatchObject({ errors: [{ code, message: expect.any(String) }] });
  if (!path.includes("..")) expect(hub.log).toEqual([]);
});

test("the codes are the spec's fourteen", () => {
  expect(Object.keys(ERROR_CODES)).toHaveLength(14);
  for (const { status } of Object.values(ERROR_CODES)) expect(status).toBeGreaterThanOrEqual(400);
});

test.each([
  ["/v2/library/alpine/manifests/1", 403],
  [`/v2/library/alpine/blobs/${DIGEST}`, 403],
  ["/v2/_catalog", 403],
  ["/anything", 403],
  ["/v2/", 200],
  ["/healthz", 200],
])("without ACCESS, %s is %d, and never a challenge", async (path, status) => {
  hub.forget();
  const response = await closed.fetch(path);
  expect(response.status).toBe(status);
  expect(response.headers.get("www-authenticate")).toBeNull();
  if (status === 403)
    expect(await response.json()).toMatchObject({
      errors: [{ code: "DENIED", message: expect.stringContaining("ACCESS") }],
    });
  expect(hub.log).toEqual([]);
});

test("a digest whose colon is escaped is the same digest", async () => {
  const response = await mirror.fetch(`/v2/a/b/blobs/${DIGEST.replace(":", "%3A")}`);
  expect(await response.json()).toMatchObject({ errors: [{ code: "BLOB_UNKNOWN" }] });
});
