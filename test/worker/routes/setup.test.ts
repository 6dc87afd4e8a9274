import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SETUPS } from "../../../worker/page/setup-texts.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";

let mirror: TestMirror;

beforeAll(async () => {
  mirror = await startTestMirror({ UPSTREAM: "http://127.0.0.1:9" });
});
afterAll(async () => {
  await mirror.stop();
});

/** Asks under another name: `fetch` would not let the Host header be chosen. */
async function askAs(host: string, path: string): Promise<{ status: number; body: string }> {
  return await new Promise((resolve, reject) => {
    const asked = request(new URL(path, mirror.url), { headers: { host } }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    asked.on("error", reject);
    asked.end();
  });
}

test.each(SETUPS.map(({ client }) => client))(
  "/setup?client=%s is text to paste",
  async (client) => {
    const response = await mirror.fetch(`/setup?client=${client}`);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "content-disposition": `inline; filename="${SETUPS.find((s) => s.client === client)?.file}"`,
    });
    expect(await response.text()).toContain(mirror.url.host);
  },
);

test("daemon.json names the address that was asked", async () => {
  expect(await (await mirror.fetch("/setup?client=dockerd")).json()).toEqual({
    "registry-mirrors": [mirror.url.origin],
  });
  const { body } = await askAs("mirror.example.com:8080", "/setup?client=dockerd");
  expect(JSON.parse(body)).toEqual({ "registry-mirrors": ["http://mirror.example.com:8080"] });
});

test("without a client the clients are listed, with their addresses", async () => {
  const response = await mirror.fetch("/setup");
  expect(response.status).toBe(200);
  const text = await response.text();
  for (const { client } of SETUPS)
    expect(text).toContain(`${mirror.url.origin}/setup?client=${client}\n`);
});

test.each(["", "docker", "dockerd\r\nX: y", "<script>", "constructor"])(
  "an unknown client is 400 and the known ones are named: %j",
  async (client) => {
    const response = await mirror.fetch(`/setup?client=${encodeURIComponent(client)}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      errors: [
        {
          code: "UNSUPPORTED",
          message:
            "client must be one of dockerd, dind, gitlab-runner, containerd, buildkit, podman, kaniko",
          detail: { parameter: "client", clients: SETUPS.map((setup) => setup.client) },
        },
      ],
    });
  },
);

test.each(['"><script>alert(1)</script>', "a'b", "a b", "a.example/x", "*", "a$(id)"])(
  "a made-up Host header is never given back: %j",
  async (host) => {
    const { status, body } = await askAs(host, "/setup?client=dockerd");
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(body).not.toContain(host);
  },
);

test("a Host header's user is dropped", async () => {
  const { body } = await askAs("user:secret@a.example", "/setup?client=dockerd");
  expect(body).not.toMatch(/user|secret/);
});

test("a HEAD gives the headers alone", async () => {
  const response = await mirror.fetch("/setup?client=podman", { method: "HEAD" });
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("");
});

test("a closed mirror tells strangers nothing", async () => {
  const closed = await startTestMirror({ UPSTREAM: "http://127.0.0.1:9", ACCESS: "" });
  try {
    expect((await closed.fetch("/setup?client=dockerd")).status).toBe(403);
  } finally {
    await closed.stop();
  }
});
