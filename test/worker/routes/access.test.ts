import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { PullLogPage } from "../../../worker/contract/pull-log.ts";
import { type EdgeMirror, startEdgeMirror } from "../../helpers/edge.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { type Image, createImage, syntheticContent } from "../../helpers/images.ts";
import { startTestMirror } from "../../helpers/mirror.ts";

const SHOP = "sh0ps3cr3tsh0ps3cr3tsh";
const OPS = "0pss3cr3t0pss3cr3t0pss";
const ADMIN = "a".repeat(40);
const INSIDE = "192.0.2.5";

let hub: FakeHub;
let mirror: EdgeMirror;
let image: Image;

beforeAll(async () => {
  hub = await startFakeHub();
  image = createImage([syntheticContent(200)]);
  for (const tag of ["1", "2", "3", "4", "5"]) hub.push("team/app", tag, image);
  mirror = await startEdgeMirror({
    UPSTREAM: hub.url,
    ACCESS: "cidr:192.0.2.0/24 token:acme/shop token:ops",
    ACCESS_TOKENS: `acme/shop:${SHOP} ops:${OPS}`,
    ADMIN_TOKEN: ADMIN,
  });
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});

const TAG = "/v2/team/app/manifests/1";

async function read(path: string, more = {}): Promise<string> {
  return (await mirror.ask({ path, ...more })).body;
}

test("the log tells whose token each pull was, and the blobs are each one's own", async () => {
  const blob = `/v2/team/app/blobs/${image.blobs[0]?.digest}`;
  for (const path of [TAG, blob]) {
    await mirror.ask(`/t/${SHOP}${path}`);
    await mirror.ask({ path, label: OPS });
    await mirror.ask({ path, address: INSIDE });
  }
  await vi.waitFor(
    async () => {
      const headers = { authorization: `Bearer ${ADMIN}` };
      const { body } = await mirror.ask({ path: "/api/pulls", headers });
      const { pulls } = PullLogPage.parse(JSON.parse(body));
      expect(body).not.toMatch(new RegExp(`${SHOP}|${OPS}`));
      expect(
        pulls.map(({ token, client, blobs }) => [token, client.address, blobs.hits + blobs.misses]),
      ).toEqual([
        ["acme/shop", "198.51.100.1", 1],
        ["ops", "198.51.100.1", 1],
        [undefined, INSIDE, 1],
      ]);
    },
    { timeout: 15_000, interval: 200 },
  );
  const headers = { authorization: `Bearer ${ADMIN}` };
  const page = await mirror.ask({ path: "/", headers });
  expect(page.body).toContain("token <bdi>acme/shop</bdi>");
  expect(page.body).toContain("http://mirror.example.com/t/SECRET/setup");
});

test("the log names each kind of path, and nothing that a client put into it", async () => {
  const digest = image.manifest.content.digest;
  const headers = { authorization: `Bearer ${ADMIN}` };
  const asked: [string, string][] = [
    ["/v2/", "/v2/"],
    [TAG, "/v2/<name>/manifests/<tag>"],
    [`/v2/team/app/manifests/${digest}`, "/v2/<name>/manifests/<digest>"],
    [`/v2/team/app/manifests/${digest.replace(":", "%3A")}`, "/v2/<name>/manifests/<digest>"],
    [`/v2/team/app/blobs/${image.blobs[0]?.digest}`, "/v2/<name>/blobs/<digest>"],
    [`/v2/team/app/referrers/${digest}`, "/v2/<name>/referrers/<digest>"],
    ["/v2/team/app/tags/list?n=1&last=private", "/v2/<name>/tags/list"],
    ["/v2/_catalog", "/v2/_catalog"],
    ["/v2/manifests/manifests/1", "/v2/<name>/manifests/<tag>"],
    [`/v2/${"a/".repeat(3000)}manifests/1`, "/v2/<other>"],
    ["/v2/private", "/v2/<other>"],
    ["/private", "other"],
    ["/setup?client=private", "/setup"],
  ];
  await mirror.ask(`/t/${SHOP}${TAG}`);
  await mirror.log();
  for (const [path] of asked) await mirror.ask(`/t/${SHOP}${path}`);
  await mirror.ask({ path: "/api/pulls?repository=private", headers });
  await mirror.ask({ method: "PROPFIND", path: `/t/${SHOP}/v2/` });
  const lines = (await mirror.log()).filter(({ message }) => message === "request");
  expect(lines.map((line) => line["route"])).toEqual([
    ...asked.map(([, route]) => route),
    "/api/pulls",
    "/v2/",
  ]);
  expect(lines[1]).toEqual({
    level: "info",
    message: "request",
    method: "GET",
    route: "/v2/<name>/manifests/<tag>",
    status: 200,
    outcome: "hit",
    durationMs: expect.any(Number) as number,
    rule: "token",
    token: "acme/shop",
    secret: 1,
  });
  expect(lines.at(-2)).toMatchObject({ rule: "admin", token: null });
  expect(lines.at(-1)?.["method"]).toBe("other");
  expect(JSON.stringify(lines)).not.toMatch(/private|team|198\.51/);
});

describe("a list's next page is where the client asked", () => {
  test.each([
    ["/v2/team/app/tags/list?n=2", { address: INSIDE }],
    [`/t/${SHOP}/v2/team/app/tags/list?n=2`, {}],
    [`/v2/t/${SHOP}/team/app/tags/list?n=2`, {}],
    ["/v2/team/app/tags/list?n=2", { label: SHOP }],
  ])("%s, %j", async (first, more) => {
    const found: string[] = [];
    let path: string | undefined = first;
    for (let pages = 0; path !== undefined && pages < 5; pages += 1) {
      const answer = await mirror.ask({ path, ...more });
      expect(answer.status).toBe(200);
      found.push(...(JSON.parse(answer.body) as { tags: string[] }).tags);
      const link = String(answer.headers["link"] ?? "");
      path = /^<(.*)>; rel="next"$/.exec(link)?.[1];
      if (path !== undefined) expect(path.split("?")[0]).toBe(first.split("?")[0]);
    }
    expect(found).toEqual(["1", "2", "3", "4", "5"]);
  });
});

describe("/setup", () => {
  test("keeps the secret that the address was asked by", async () => {
    expect(JSON.parse(await read(`/t/${SHOP}/setup?client=dockerd`))).toEqual({
      "registry-mirrors": [`http://mirror.example.com/t/${SHOP}`],
    });
    expect(JSON.parse(await read("/setup?client=dockerd", { label: SHOP }))).toEqual({
      "registry-mirrors": [`http://${SHOP}.mirror.example.com`],
    });
    expect(await read(`/t/${SHOP}/setup`)).toContain(
      `http://mirror.example.com/t/${SHOP}/setup?client=podman\n`,
    );
  });

  test("and no other: not one from a header, not one that opened nothing", async () => {
    const headers = { authorization: `Bearer ${SHOP}` };
    expect(await read("/setup?client=dockerd", { headers })).not.toContain(SHOP);
    const wrong = "wr0ngs3cr3twr0ngs3cr3t";
    const inside = await read(`/t/${wrong}/setup?client=dockerd`, { address: INSIDE });
    expect(JSON.parse(inside)).toEqual({ "registry-mirrors": ["http://mirror.example.com"] });
  });

  test("the answer is kept by nobody", async () => {
    const { headers } = await mirror.ask(`/t/${SHOP}/setup?client=dockerd`);
    expect(headers["cache-control"]).toContain("no-store");
    expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect(headers["x-content-type-options"]).toBe("nosniff");
  });
});

test("a refusal says whose word helps, and nothing of what was sent", async () => {
  const messages = new Map<string, string>();
  for (const [name, path] of [
    ["none", TAG],
    ["wrong", `/t/wr0ngs3cr3twr0ngs3cr3t${TAG}`],
  ] as const) {
    const { status, body } = await mirror.ask(path);
    expect(status).toBe(403);
    const { errors } = JSON.parse(body) as { errors: { code: string; message: string }[] };
    expect(errors[0]?.code).toBe("DENIED");
    messages.set(name, errors[0]?.message ?? "");
  }
  expect(messages.get("none")).toContain("operator");
  expect(messages.get("wrong")).toContain("does not know that secret");
});

test("the ping names a scheme with a 200, so that skopeo and Podman send their login; dockerd looks at a 401's alone", async () => {
  const ping = await mirror.ask("/v2/");
  expect(ping.status).toBe(200);
  expect(ping.headers["www-authenticate"]).toBe('Basic realm="tidepool", charset="UTF-8"');
  expect((await mirror.ask("/healthz")).headers["www-authenticate"]).toBeUndefined();
  expect((await mirror.ask(TAG)).headers["www-authenticate"]).toBeUndefined();
});

describe("on a machine of one's own, where nothing vouches for an address", () => {
  test("a token opens, a made-up address counts for nothing, guessing ends and locks nobody out", async () => {
    const local = await startTestMirror({
      UPSTREAM: hub.url,
      ACCESS: "token:shop",
      ACCESS_TOKENS: `shop:${SHOP}`,
    });
    const ask = async (path: string, address = "203.0.113.1") =>
      (await local.fetch(path, { headers: { "cf-connecting-ip": address } })).status;
    try {
      expect(await ask(TAG)).toBe(403);
      expect(await ask(`/t/${SHOP}${TAG}`)).toBe(200);
      const found: number[] = [];
      for (let guess = 0; guess < 11; guess += 1)
        found.push(await ask(`/t/${"x".repeat(20)}${guess}${TAG}`, `203.0.113.${guess}`));
      expect(found.at(0)).toBe(403);
      expect(found.at(-1)).toBe(429);
      expect(await ask(`/t/${SHOP}${TAG}`)).toBe(200);
    } finally {
      await local.stop();
    }
  });
});

test.each([
  ["a token without a secret", { ACCESS: "token:shop" }, "ACCESS names token:shop"],
  ["a secret in the rules", { ACCESS: `token:shop:${SHOP}` }, "ACCESS must be a list"],
  ["a short secret", { ACCESS: "token:shop", ACCESS_TOKENS: "shop:short" }, "ACCESS_TOKENS has a"],
])(
  "%s stops the mirror, which names the variable and tells its log the rest",
  async (_what, variables, message) => {
    const wrong = await startEdgeMirror({ UPSTREAM: hub.url, ...variables });
    try {
      for (const path of ["/healthz", "/v2/", TAG]) {
        const { status, body } = await wrong.ask(path);
        expect(status).toBe(500);
        expect(body).toContain(`a variable is wrong: ${message.split(" ")[0]};`);
        expect(body).not.toMatch(new RegExp(`${SHOP}|short[^e]`));
      }
      const lines = await wrong.log();
      expect(JSON.stringify(lines)).toContain(message);
      expect(JSON.stringify(lines)).not.toContain(SHOP);
    } finally {
      await wrong.stop();
    }
  },
);
