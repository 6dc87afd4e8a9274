import { Agent, request } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { receive } from "../helpers/bytes.ts";
import { noFaults } from "../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { type Content, createImage, syntheticContent } from "../helpers/images.ts";
import { type MirrorProcess, spawnMirror } from "../helpers/process.ts";

const MIB = 1024 * 1024;
const CLIENTS = 500;

let hub: FakeHub;
let data: string;
let mirror: MirrorProcess;

beforeAll(async () => {
  hub = await startFakeHub();
  data = await mkdtemp(join(tmpdir(), "tidepool-load-"));
  const variables = ["--var", `UPSTREAM=${hub.url}`, "--var", "TAG_TTL_SECONDS=3600"];
  mirror = await spawnMirror(["--port", "0", "--data", data, ...variables]);
});
afterAll(async () => {
  await mirror.kill();
  await hub.close();
  await rm(data, { recursive: true, force: true });
});
beforeEach(() => {
  hub.faults = noFaults();
});

/** One client's pull of an image, by one request after the other. @returns what it did not get, and how long it took */
async function pull(repository: string, contents: readonly Content[]) {
  const startedAt = performance.now();
  const wrong: string[] = [];
  for (const [index, { digest }] of contents.entries()) {
    const path = index === 0 ? "manifests/1" : `blobs/${digest}`;
    const got = await receive(fetch(new URL(`/v2/${repository}/${path}`, mirror.url)));
    if (got.status !== 200 || got.broken || got.digest !== digest)
      wrong.push(`${path}: ${got.status}, ${got.length} bytes`);
  }
  return { wrong, ms: performance.now() - startedAt };
}

function publish(repository: string, sizes: readonly number[]): readonly Content[] {
  const image = createImage(sizes.map(syntheticContent));
  hub.push(repository, "1", image);
  return [image.manifest.content, ...image.blobs];
}

async function crowd(repository: string, contents: readonly Content[]) {
  let peak = 0;
  const before = mirror.residentBytes();
  const watch = setInterval(() => (peak = Math.max(peak, mirror.residentBytes())), 100);
  const pulls = await Promise.all(
    Array.from({ length: CLIENTS }, () => pull(repository, contents)),
  );
  clearInterval(watch);
  const times = pulls.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const [median = 0, last = 0] = [times[CLIENTS / 2], times.at(-1)];
  const grownMib = (peak - before) / MIB;
  console.log(
    `${repository}: median ${(median / 1000).toFixed(1)} s, last ${(last / 1000).toFixed(1)} s, memory +${grownMib.toFixed(0)} MiB`,
  );
  return { wrong: pulls.flatMap(({ wrong }) => wrong), median, last, grownMib };
}

describe(`${CLIENTS} clients at once`, () => {
  test("pull a cold image: one counted pull, one download, none refused, all alike", async () => {
    // What the runtime takes for so many connections, it takes once.
    await crowd("load/first", publish("load/first", [3000, 400_000]));
    const contents = publish("load/cold", [3000, 400_000]);
    const { wrong, median, last, grownMib } = await crowd("load/cold", contents);
    expect(wrong).toEqual([]);
    expect(hub.pulls("load/cold")).toBe(1);
    for (const { digest, size } of contents.slice(1)) expect(hub.bytesSent.get(digest)).toBe(size);
    expect(last / median).toBeLessThan(3);
    expect(grownMib).toBeLessThan(100);
  });

  test("read a cold layer, each from another place, while it is fetched once", async () => {
    const [, , layer] = publish("load/layer", [40 * MIB]);
    if (layer === undefined) throw new Error("an image has a manifest, a config and a layer");
    const length = 40_000;
    const answers = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, index) => {
        const first = Math.floor((index * (layer.size - length)) / CLIENTS);
        const range = `bytes=${first}-${first + length - 1}`;
        const url = new URL(`/v2/load/layer/blobs/${layer.digest}`, mirror.url);
        const response = await fetch(url, { headers: { range } });
        const bytes = Buffer.from(await response.arrayBuffer());
        return response.status === 206 && bytes.equals(layer.read(first, length));
      }),
    );
    expect(answers.filter((isRight) => !isRight)).toEqual([]);
    expect(hub.bytesSent.get(layer.digest)).toBe(layer.size);
  });

  test("pull it warm, again and again, and memory stays where it is", async () => {
    const contents = publish("load/warm", [3000, 100_000]);
    await crowd("load/warm", contents);
    const first = await crowd("load/warm", contents);
    for (let round = 0; round < 3; round += 1) {
      const { wrong, median, last } = await crowd("load/warm", contents);
      expect(wrong).toEqual([]);
      expect(last / median).toBeLessThan(3);
    }
    const end = await crowd("load/warm", contents);
    expect(end.wrong).toEqual([]);
    expect(end.grownMib).toBeLessThan(Math.max(50, first.grownMib));
  });
});

describe("more than may wait at once", () => {
  const WAITING = 2000;
  const agent = new Agent({ maxSockets: Infinity });

  /** One request by the plainest of clients: thousands of them are as much as this process can play. */
  function ask(path: string, signal?: AbortSignal) {
    const startedAt = performance.now();
    return new Promise<{ status: number; retryAfter: string | undefined; ms: number }>(
      (resolve) => {
        const { hostname: host, port } = mirror.url;
        const asked = request(
          { host, port, path, agent, ...(signal && { signal }) },
          (response) => {
            response.resume();
            response.on("end", () => {
              const { statusCode: status = 0, headers } = response;
              const ms = performance.now() - startedAt;
              resolve({ status, retryAfter: headers["retry-after"], ms });
            });
          },
        );
        asked.on("error", () => resolve({ status: 0, retryAfter: undefined, ms: Infinity }));
        asked.end();
      },
    );
  }

  async function expectStatus(path: string, status: number): Promise<void> {
    expect((await ask(path)).status).toBe(status);
  }

  async function publishCold(name: string): Promise<string> {
    const [, , layer] = publish(name, [5000]);
    await ask(`/v2/${name}/manifests/1`);
    hub.faults.cdn = "hang";
    return `/v2/${name}/blobs/${layer?.digest}`;
  }

  test("the rest is refused at once with 503 and Retry-After; who waits is told in time", async () => {
    const path = await publishCold("load/refused");
    const answers = await Promise.all(Array.from({ length: WAITING + 500 }, () => ask(path)));
    const refused = answers.filter(({ status }) => status === 503);
    const waited = answers.filter(({ status }) => status === 504);
    expect(refused.length).toBeGreaterThanOrEqual(400);
    expect(refused.length + waited.length).toBe(answers.length);
    for (const { retryAfter } of refused) expect(retryAfter).toBe("2");
    for (const { ms } of waited) expect(ms).toBeLessThan(30_000);

    hub.faults.cdn = null;
    expect(await ask(path)).toMatchObject({ status: 200 });
  });

  test("clients that left hold their places no longer than the upstream is waited for", async () => {
    const path = await publishCold("load/left");
    const leaving = new AbortController();
    const left = Array.from({ length: WAITING }, () => ask(path, leaving.signal));
    const warm = "/v2/load/left/manifests/1";
    await vi.waitFor(() => expectStatus(warm, 503), { timeout: 10_000, interval: 50 });
    leaving.abort();
    await Promise.all(left);
    await vi.waitFor(() => expectStatus(warm, 200), { timeout: 20_000, interval: 50 });
  });
});
