import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type Asked, type EdgeMirror, startEdgeMirror } from "../../helpers/edge.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

const TOKEN = "correct-horse-battery-staple+/=&%";
const SECRET = "k3ys3cr3tk3ys3cr3tk3y1";

let mirror: EdgeMirror;
beforeAll(async () => {
  mirror = await startEdgeMirror({
    UPSTREAM: "http://127.0.0.1:9",
    ACCESS: "token:shop",
    ACCESS_TOKENS: `shop:${SECRET}`,
    ADMIN_TOKEN: TOKEN,
  });
});
afterAll(() => mirror.stop());

const FORM = {
  "content-type": "application/x-www-form-urlencoded",
  origin: "http://mirror.example.com",
};

function logIn(token: string, more: Partial<Asked> = {}): Promise<Answer> {
  const headers = { ...FORM, ...more.headers };
  const body = new URLSearchParams({ token }).toString();
  return mirror.ask({ method: "POST", path: "/login", body, ...more, headers });
}

/** The cookie as a browser would send it back. */
function cookieOf(answer: Answer): string {
  const [cookie = ""] = answer.headers["set-cookie"] ?? [];
  return cookie.split(";")[0] ?? "";
}

function signed(ends: number, key = TOKEN): string {
  const signature = createHmac("sha256", key).update(String(ends)).digest("base64");
  return `tidepool=${encodeURIComponent(`${ends}.${signature}`)}`;
}

const soon = (): number => Date.now() + 60_000;

test("who asks for the page is shown a form, and nothing of the mirror", async () => {
  for (const path of ["/", `/t/${SECRET}/`, `/t/${SECRET}`]) {
    const { status, headers, body } = await mirror.ask(path);
    expect(status).toBe(403);
    expect(headers["cache-control"]).toBe("no-store");
    expect(headers["www-authenticate"]).toBeUndefined();
    expect(headers["content-security-policy"]).toContain("form-action 'self'");
    expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
    expect(body).toContain('<form method="post" action="login">');
    expect(body).not.toMatch(/<script|Hit rate|Latest pulls|mirror\.example\.com/);
    expect(body).not.toContain(SECRET);
  }
});

test("the right token opens a session of an hour for the page, and for it alone", async () => {
  const answer = await logIn(TOKEN);
  expect(answer.status).toBe(303);
  expect(answer.headers["location"]).toBe("./");
  const [cookie = ""] = answer.headers["set-cookie"] ?? [];
  expect(cookie.split("; ").toSorted().slice(0, 4)).toEqual([
    "HttpOnly",
    "Max-Age=3600",
    "Path=/",
    "SameSite=Strict",
  ]);
  expect(cookie).not.toContain(TOKEN);

  const headers = { cookie: cookieOf(answer) };
  const page = await mirror.ask({ path: "/", headers });
  expect(page.status).toBe(200);
  expect(page.body).toContain('action="logout"');
  // What the page links to.
  expect((await mirror.ask({ path: "/setup", headers })).status).toBe(200);
  expect((await mirror.ask({ path: "/v2/_catalog", headers })).status).toBe(200);
  // No image, and no API: another page's request bears cookies too.
  expect((await mirror.ask({ path: "/v2/library/alpine/manifests/1", headers })).status).toBe(403);
  expect((await mirror.ask({ path: "/api/pulls", headers })).status).toBe(403);
});

test("the token as a bearer opens the page too", async () => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  expect((await mirror.ask({ path: "/", headers })).status).toBe(200);
  expect((await mirror.ask({ path: "/setup", headers })).status).toBe(200);
  expect((await mirror.ask({ path: "/v2/a/b/manifests/1", headers })).status).toBe(403);
});

test("with https the cookie goes over https alone, to this host alone", async () => {
  const headers = { origin: "https://mirror.example.com" };
  const answer = await logIn(TOKEN, { scheme: "https", headers });
  const [cookie = ""] = answer.headers["set-cookie"] ?? [];
  expect(cookie).toMatch(/^__Host-tidepool=/);
  expect(cookie).toContain("; Secure");
  expect(cookie).not.toContain("Domain");
  const back = { cookie: cookieOf(answer) };
  expect((await mirror.ask({ path: "/", scheme: "https", headers: back })).status).toBe(200);
  // Set by a page without TLS, where anybody on the way can write cookies.
  const plain = { cookie: signed(soon()) };
  expect((await mirror.ask({ path: "/", scheme: "https", headers: plain })).status).toBe(403);
});

test("logging out takes the cookie away", async () => {
  const answer = await mirror.ask({ method: "POST", path: "/logout", headers: FORM });
  expect(answer.status).toBe(303);
  expect(answer.headers["set-cookie"]?.[0]).toMatch(/^tidepool=; Max-Age=0/);
});

describe("a session is refused that", () => {
  const CASES: [string, () => string][] = [
    ["is over", () => signed(Date.now() - 1)],
    ["was signed with another token", () => signed(soon(), `${TOKEN}x`)],
    ["was signed with an access secret", () => signed(soon(), SECRET)],
    ["is not signed", () => `tidepool=${soon()}`],
    ["has another end than was signed", () => signed(soon()).replace(/=\d/, "=9")],
    ["is not a time", () => signed(Number.NaN)],
    ["never ends", () => signed(Number.POSITIVE_INFINITY)],
    ["is ten kilobytes", () => `tidepool=${"a".repeat(10_000)}`],
    ["is empty", () => "tidepool="],
    ["bears another name", () => signed(soon()).replace("tidepool", "tidepools")],
  ];
  test.each(CASES)("%s", async (_what, make) => {
    expect((await mirror.ask({ path: "/", headers: { cookie: make() } })).status).toBe(403);
  });

  test("while one signed as it should be opens", async () => {
    const answer = await mirror.ask({ path: "/", headers: { cookie: signed(soon()) } });
    expect(answer.status).toBe(200);
  });
});

describe("a form of another site logs nobody in", () => {
  test.each([
    ["another origin", { origin: "https://evil.example" }],
    ["another subdomain", { origin: "http://evil.mirror.example.com" }],
    ["another scheme", { origin: "https://mirror.example.com" }],
    ["no origin told", { origin: "null" }],
    ["another site, by its word", { origin: "null", "sec-fetch-site": "cross-site" }],
    ["a sibling, by its word", { origin: "null", "sec-fetch-site": "same-site" }],
    ["text/plain, which forms can send", { origin: "null", "content-type": "text/plain" }],
  ])("%s", async (_what, headers) => {
    const answer = await logIn(TOKEN, { headers });
    expect(answer.status).toBe(403);
    expect(answer.headers["set-cookie"]).toBeUndefined();
    const out = await mirror.ask({
      method: "POST",
      path: "/logout",
      headers: { ...FORM, ...headers },
    });
    expect(out.status).toBe(403);
  });

  test("the same site, by the browser's word, does", async () => {
    const headers = { origin: "null", "sec-fetch-site": "same-origin" };
    expect((await logIn(TOKEN, { headers })).status).toBe(303);
  });
});

describe("what is no token is refused", () => {
  test.each(["", " ", "wrong", SECRET, TOKEN.slice(1), `${TOKEN}x`, TOKEN.toUpperCase(), "\u0000"])(
    "%j",
    async (token) => {
      const answer = await logIn(token, { address: `2001:db8:${token.length}::1` });
      expect(answer.status).toBe(403);
      expect(answer.headers["set-cookie"]).toBeUndefined();
      expect(answer.body).toContain("That is not this mirror&#39;s ADMIN_TOKEN.");
    },
  );

  test("a form of another type", async () => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ token: TOKEN });
    expect((await logIn("", { headers, body })).status).toBe(403);
  });

  test("a long form is not read", async () => {
    expect((await logIn("x".repeat(5000))).status).toBe(413);
  });

  test("nor is the token given in the address", async () => {
    const path = `/login?token=${encodeURIComponent(TOKEN)}`;
    expect((await mirror.ask({ path })).status).toBe(403);
    expect((await mirror.ask({ method: "POST", path, headers: FORM })).status).toBe(403);
  });
});

test("guessing ends after ten different tokens, for the guesser's address alone", async () => {
  const address = "203.0.113.9";
  const statuses: number[] = [];
  for (let guess = 0; guess < 11; guess += 1)
    statuses.push((await logIn(`guess ${guess}`, { address })).status);
  expect(statuses.slice(0, 9)).toEqual(Array.from({ length: 9 }, () => 403));
  const limited = await logIn(TOKEN, { address });
  expect(limited.status).toBe(429);
  expect(Number(limited.headers["retry-after"])).toBeGreaterThan(500);
  expect(limited.headers["set-cookie"]).toBeUndefined();
  const headers = { authorization: `Bearer ${TOKEN}` };
  expect((await mirror.ask({ path: "/api/stats", address, headers })).status).toBe(429);
  expect((await logIn(TOKEN, { address: "203.0.113.10" })).status).toBe(303);
  // A session that was opened before goes on.
  expect(
    (await mirror.ask({ path: "/", address, headers: { cookie: signed(soon()) } })).status,
  ).toBe(200);
});

test("nothing of it is in the log", async () => {
  const told = JSON.stringify(await mirror.log());
  expect(told).toContain('"route":"/login"');
  for (const secret of [
    TOKEN,
    encodeURIComponent(TOKEN),
    SECRET,
    "guess 1",
    signed(0).slice(0, 12),
  ])
    expect(told).not.toContain(secret);
});

function logInAt(local: TestMirror, token: string): Promise<Response> {
  return local.fetch("/login", {
    method: "POST",
    headers: { ...FORM, origin: local.url.origin },
    body: new URLSearchParams({ token }),
    redirect: "manual",
  });
}

describe("on a machine of one's own", () => {
  let guarded: TestMirror;
  let closed: TestMirror;
  beforeAll(async () => {
    const UPSTREAM = "http://127.0.0.1:9";
    [guarded, closed] = await Promise.all([
      startTestMirror({ UPSTREAM, ADMIN_TOKEN: TOKEN }),
      startTestMirror({ UPSTREAM, ACCESS: "" }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([guarded.stop(), closed.stop()]);
  });

  test("a page that has a token asks for it", async () => {
    expect((await guarded.fetch("/")).status).toBe(403);
    expect((await guarded.fetch("/v2/_catalog")).status).toBe(200);
  });

  test("without an address to tell by, guessing ends too, and the right token still opens", async () => {
    for (let guess = 0; guess < 10; guess += 1) await logInAt(guarded, `guess ${guess}`);
    expect((await logInAt(guarded, "guess 11")).status).toBe(429);
    expect((await logInAt(guarded, TOKEN)).status).toBe(303);
  });

  test("a closed page tells a browser which secret opens it and how it is set, and others as ever", async () => {
    const accept = "text/html,application/xhtml+xml,*/*;q=0.8";
    const page = await closed.fetch("/", { headers: { accept } });
    expect(page.status).toBe(403);
    expect(Object.fromEntries(page.headers)).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
    });
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; .*form-action 'none'/,
    );
    const text = await page.text();
    expect(text).toContain("npx wrangler secret put ADMIN_TOKEN");
    expect(text).toContain("ADMIN_TOKEN=… npm start");
    expect(text).not.toMatch(/<form|<script/);
    for (const other of ["*/*", "application/json"])
      expect(await (await closed.fetch("/", { headers: { accept: other } })).json()).toMatchObject({
        errors: [{ code: "DENIED" }],
      });
  });

  test("a closed mirror without a token has nothing to log in to", async () => {
    for (const path of ["/", "/login"]) {
      const response = await closed.fetch(path, {
        method: path === "/" ? "GET" : "POST",
        headers: path === "/" ? {} : { ...FORM, origin: closed.url.origin },
      });
      expect(response.status).toBe(403);
      expect(await response.text()).toContain("ADMIN_TOKEN");
      expect(response.headers.get("set-cookie")).toBeNull();
    }
  });
});
