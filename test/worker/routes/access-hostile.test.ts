import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EdgeMirror, startEdgeMirror } from "../../helpers/edge.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";

const SHOP = "sh0ps3cr3tsh0ps3cr3tsh";
const OPS = "0pss3cr3t0pss3cr3t0pss";
const INSIDE = "192.0.2.5";

let hub: FakeHub;
let mirror: EdgeMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  hub.push("team/app", "1", createImage([syntheticContent(200)]));
  mirror = await startEdgeMirror({
    UPSTREAM: hub.url,
    ACCESS: "cidr:192.0.2.0/24 token:shop token:ops",
    ACCESS_TOKENS: `shop:${SHOP} ops:${OPS}`,
  });
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});

const TAG = "/v2/team/app/manifests/1";

function basic(text: string): string {
  return `Basic ${Buffer.from(text).toString("base64")}`;
}

/** Writes what no client library would. */
function sendRaw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(mirror.url.port), mirror.url.hostname, () => socket.end(text));
    let answer = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => (answer += chunk));
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

function wrong(guess: number): string {
  return `wr0ngs3cr3twr0ngs3cr3t${guess}`;
}

describe("hostile requests are refused, and the mirror goes on", () => {
  test.each<[string, Record<string, string | string[]>]>([
    ["ten kilobytes of bearer", { authorization: `Bearer ${"a".repeat(10_000)}` }],
    ["ten kilobytes of password", { authorization: basic(`u:${"a".repeat(7_000)}`) }],
    ["two headers", { authorization: [`Bearer ${SHOP}`, `Bearer ${OPS}`] }],
    ["two schemes in one header", { authorization: `Basic ${btoa(`u:${SHOP}`)}, Bearer ${SHOP}` }],
    ["a scheme without credentials", { authorization: "Bearer" }],
    ["another scheme", { authorization: `Token ${SHOP}` }],
    ["parameters in place of a token", { authorization: `Bearer token="${SHOP}"` }],
    ["a secret and more", { authorization: `Bearer ${SHOP}x` }],
    ["a secret in upper case", { authorization: `Bearer ${SHOP.toUpperCase()}` }],
    ["the secret as the user", { authorization: basic(`${SHOP}:`) }],
    ["bytes that are no text", { authorization: `Basic ${btoa("\u00FF\u0000:\u00FE")}` }],
    ["no base64", { authorization: "Basic !!!" }],
    ["another header that proxies know", { "proxy-authorization": `Bearer ${SHOP}` }],
    ["an address made up", { "cf-connecting-ip": INSIDE }],
    [
      "an address in other words",
      { "x-forwarded-for": INSIDE, "x-real-ip": INSIDE, forwarded: `for=${INSIDE}` },
    ],
    ["a host in other words", { "x-forwarded-host": `${SHOP}.mirror.example.com` }],
    ["a cookie", { cookie: `token=${SHOP}; tidepool=${SHOP}` }],
  ])("%s", async (_what, headers) => {
    const { status, headers: answered } = await mirror.ask({ path: TAG, headers });
    expect(status).toBe(403);
    expect(answered["www-authenticate"]).toBeUndefined();
    expect((await mirror.ask(`/t/${SHOP}${TAG}`)).status).toBe(200);
  });

  test.each([
    `/t/${SHOP}%2fv2/team/app/manifests/1`,
    `/t%2f${SHOP}${TAG}`,
    `/%74/${SHOP}${TAG}`,
    `/t/${SHOP.replace("s", "%73")}${TAG}`,
    `/t/${SHOP.replace("s", "%2573")}${TAG}`,
    `/v2/%74/${SHOP}/team/app/manifests/1`,
    `/v2%2ft%2f${SHOP}/team/app/manifests/1`,
    `/T/${SHOP}${TAG}`,
    `//t/${SHOP}${TAG}`,
    `/t//${SHOP}${TAG}`,
    `/t/${SHOP}/../${TAG}`,
    `/v2/team/app/manifests/1?token=${SHOP}`,
    `/t/ ${SHOP}${TAG}`.replace(" ", "%20"),
    `/t/${SHOP}%00${TAG}`,
    `/t/${SHOP}%0d%0aX:%20y${TAG}`,
    `/t/${"a".repeat(8000)}${TAG}`,
    "/t/",
    "/t//",
    "/t",
  ])("%s", async (path) => {
    const { status, body } = await mirror.ask(path);
    expect([400, 403, 404]).toContain(status);
    expect(body).not.toContain(SHOP);
  });

  test("a path that goes back and forth is the path it leads to", async () => {
    expect((await mirror.ask(`/x/../t/${SHOP}${TAG}`)).status).toBe(200);
    expect((await mirror.ask(`/t/${SHOP}/x/..${TAG}`)).status).toBe(200);
    expect((await mirror.ask(`/t/${SHOP}/v2/../api/pulls`)).status).toBe(403);
  });

  test.each([
    [
      "a bare LF in a header",
      `GET ${TAG} HTTP/1.1\r\nHost: m\r\nAuthorization: Bearer x\nX-A: b\r\n\r\n`,
    ],
    [
      "a CR in a header",
      `GET ${TAG} HTTP/1.1\r\nHost: m\r\nAuthorization: Bearer ${SHOP}\rX\r\n\r\n`,
    ],
    [
      "a NUL in a header",
      `GET ${TAG} HTTP/1.1\r\nHost: m\r\nAuthorization: Bearer ${SHOP}\0\r\n\r\n`,
    ],
    [
      "a folded header",
      `GET ${TAG} HTTP/1.1\r\nHost: m\r\nAuthorization: Bearer\r\n ${SHOP}x\r\n\r\n`,
    ],
    ["two hosts", `GET ${TAG} HTTP/1.1\r\nHost: m\r\nHost: ${SHOP}.m.example\r\n\r\n`],
  ])("%s", async (_what, text) => {
    const answer = await sendRaw(text);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d |^$/);
    expect(answer).not.toContain(SHOP);
    expect((await mirror.ask(`/t/${SHOP}${TAG}`)).status).toBe(200);
  });
});

describe("guessing", () => {
  test("is told to wait after ten different secrets, and shuts out nobody else of that address", async () => {
    const address = "203.0.113.99";
    for (let guess = 0; guess < 10; guess += 1)
      expect((await mirror.ask({ path: `/t/${wrong(guess)}${TAG}`, address })).status).toBe(403);
    for (const asked of [
      { path: `/t/${wrong(9)}${TAG}` },
      { path: `/t/${wrong(10)}${TAG}` },
      { path: TAG, headers: { authorization: `Bearer ${wrong(11)}` } },
    ]) {
      const { status, headers, body } = await mirror.ask({ ...asked, address });
      expect(status).toBe(429);
      expect(Number(headers["retry-after"])).toBeGreaterThan(500);
      expect(JSON.parse(body)).toMatchObject({ errors: [{ code: "TOOMANYREQUESTS" }] });
    }
    // Whoever mistypes secrets may share an office's address: who has a right one still comes in.
    for (const asked of [
      { path: `/t/${SHOP}${TAG}` },
      { path: TAG, label: SHOP },
      { path: TAG, headers: { authorization: `Bearer ${SHOP}` } },
    ])
      expect((await mirror.ask({ ...asked, address })).status).toBe(200);
    const guessing = await mirror.ask({ path: `/t/${wrong(12)}${TAG}`, address: "203.0.113.98" });
    expect(guessing.status).toBe(403);
    // Bare pings and health checks are nobody's guess.
    expect((await mirror.ask({ path: "/healthz", address })).status).toBe(200);
    expect((await mirror.ask({ path: "/v2/", address })).status).toBe(200);
  });

  test("is not what a daemon with an old secret does, however often it asks", async () => {
    const address = "203.0.113.100";
    for (let times = 0; times < 30; times += 1)
      expect((await mirror.ask({ path: `/t/${wrong(99)}${TAG}`, address })).status).toBe(403);
    expect((await mirror.ask({ path: `/t/${SHOP}${TAG}`, address })).status).toBe(200);
  });

  test("locks nobody out whom another rule lets in", async () => {
    for (let guess = 0; guess < 12; guess += 1)
      await mirror.ask({ path: `/t/${wrong(guess)}${TAG}`, address: INSIDE });
    expect((await mirror.ask({ path: TAG, address: INSIDE })).status).toBe(200);
  });
});
