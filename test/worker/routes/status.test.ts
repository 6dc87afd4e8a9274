import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

let hub: FakeHub;
let mirror: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  mirror = await startTestMirror({ UPSTREAM: hub.url });
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
});

test("the page may use its own style sheet and nothing else, and tells its address to nobody", async () => {
  const response = await mirror.fetch("/");
  expect(response.status).toBe(200);
  const page = await response.text();
  const [, style = ""] = /<style>(.*?)<\/style>/s.exec(page) ?? [];
  const hash = createHash("sha256").update(style).digest("base64");
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  expect(page).not.toMatch(/<script|\sstyle=|\son\w+=|(?:src|href)="https?:/);
});

test("the page tells how to point a client at the address that was asked", async () => {
  expect(await (await mirror.fetch("/")).text()).toContain(`&quot;${mirror.url.origin}&quot;`);
});

test("the page names whom it asks in Docker Hub's place", async () => {
  expect(await (await mirror.fetch("/")).text()).toContain(`<code>${new URL(hub.url).host}</code>`);
});

test("the page has the secret's place where only tokens let anybody in, and nowhere else", async () => {
  const ADMIN_TOKEN = "correct-horse-battery-staple";
  const ACCESS_TOKENS = `shop:${"s3cr3t".repeat(4)}`;
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const shown = async (ACCESS: string): Promise<string> => {
    const variables = { UPSTREAM: hub.url, ACCESS, ACCESS_TOKENS, ADMIN_TOKEN };
    const guarded = await startTestMirror(variables);
    try {
      return await (await guarded.fetch("/", { headers })).text();
    } finally {
      await guarded.stop();
    }
  };
  expect(await shown("token:shop")).toMatch(
    /registry-mirrors&quot;: \[\s+&quot;[^&]+\/t\/SECRET&quot;/,
  );
  expect(await shown("open token:shop")).not.toContain("/t/SECRET&quot;");
});

test("every link of the page leads somewhere", async () => {
  const page = await (await mirror.fetch("/")).text();
  const links = [...page.matchAll(/<a href="([^"]+)"/g)].map(([, href]) => href ?? "");
  expect(links.length).toBeGreaterThanOrEqual(7);
  for (const link of links) expect((await mirror.fetch(link)).status).toBe(200);
});

test("a pulled image is on the page, and asking for the page asks nobody", async () => {
  hub.push("team/shown", "1", createImage([syntheticContent(10)]));
  await (await mirror.fetch("/v2/team/shown/manifests/1")).arrayBuffer();
  hub.forget();
  // The log is written a moment after the answer.
  await vi.waitFor(
    async () => {
      const page = await (await mirror.fetch("/")).text();
      expect(page).toContain("team/shown");
      expect(page).not.toContain("No pull log yet");
      expect(page).toContain("All is well.");
    },
    { timeout: 15_000, interval: 200 },
  );
  expect(hub.requests("registry")).toEqual([]);
});

test("a HEAD gives the headers alone", async () => {
  const response = await mirror.fetch("/", { method: "HEAD" });
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("");
});

test("a closed mirror shows strangers nothing", async () => {
  const closed = await startTestMirror({ UPSTREAM: hub.url, ACCESS: "" });
  try {
    expect((await closed.fetch("/")).status).toBe(403);
  } finally {
    await closed.stop();
  }
});

test("a mirror without ACCESS says on its page that nobody may pull, and how to change it", async () => {
  const ADMIN_TOKEN = "correct-horse-battery-staple";
  const closed = await startTestMirror({ UPSTREAM: hub.url, ACCESS: "", LOCAL: "", ADMIN_TOKEN });
  try {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    expect((await closed.fetch("/v2/team/app/manifests/1")).status).toBe(403);
    expect(await (await closed.fetch("/", { headers })).text()).toContain("Nobody may pull yet.");
  } finally {
    await closed.stop();
  }
  expect(await (await mirror.fetch("/")).text()).not.toContain("Nobody may pull");
});

test("a pull as dockerd makes it, by HEAD and then by digest, is shown with its tag", async () => {
  const image = createImage([syntheticContent(11)]);
  hub.push("team/tagged", "1.2", image);
  await mirror.fetch("/v2/team/tagged/manifests/1.2", { method: "HEAD" });
  const { digest } = image.manifest.content;
  await (await mirror.fetch(`/v2/team/tagged/manifests/${digest}`)).arrayBuffer();
  await vi.waitFor(
    async () =>
      expect(await (await mirror.fetch("/")).text()).toContain(
        `team/tagged:1.2@${digest.slice(0, 19)}`,
      ),
    { timeout: 15_000, interval: 200 },
  );
});
