import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CatalogPage } from "../../../worker/contract/catalog.ts";
import { PullLogPage } from "../../../worker/contract/pull-log.ts";
import { Stats } from "../../../worker/contract/stats.ts";
import { parseNextLink } from "../../../worker/oci/link.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { type Image, createImage, createIndex, syntheticContent } from "../../helpers/images.ts";
import { readApi, readLog } from "../../helpers/ledger.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";
import { changeLedger, queryLedger } from "../../helpers/store-files.ts";

let hub: FakeHub;
let mirror: TestMirror;

beforeEach(async () => {
  hub = await startFakeHub();
  // Asks about a tag every time.
  mirror = await startTestMirror({ UPSTREAM: hub.url, TAG_TTL_SECONDS: "0" });
});
afterEach(async () => {
  await mirror.stop();
  await hub.close();
});

/** One manifest GET as a client sees it. */
interface Seen {
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
  readonly outcome: string;
  readonly bytes: number;
}

async function pull(repository: string, target: string, agent = "docker/29"): Promise<Seen> {
  const path = `/v2/${repository}/manifests/${target}`;
  const response = await mirror.fetch(path, { headers: { "user-agent": agent } });
  const { byteLength } = await response.arrayBuffer();
  return {
    repository,
    tag: target.startsWith("sha256:") ? null : target,
    digest: response.headers.get("docker-content-digest"),
    outcome: response.headers.get("x-cache")?.toLowerCase() ?? String(response.status),
    bytes: byteLength,
  };
}

async function pullBlobs(repository: string, image: Image, agent = "docker/29"): Promise<number> {
  let bytes = 0;
  for (const { digest } of image.blobs) {
    const headers = { "user-agent": agent };
    const response = await mirror.fetch(`/v2/${repository}/blobs/${digest}`, { headers });
    bytes += (await response.arrayBuffer()).byteLength;
  }
  return bytes;
}

describe("a day of pulls", () => {
  test("is in log, catalog, stats and metrics as the clients saw it", async () => {
    hub.remaining = 50;
    const [first, second] = [createImage([syntheticContent(40_000)]), createImage([])];
    const big = createImage([syntheticContent(20 * 1024 * 1024)]);
    hub.push("team/app", "1", first);
    hub.push("library/tool", "2", big);
    const seen: Seen[] = [];
    let bytesServed = 0;

    seen.push(await pull("team/app", "1"));
    bytesServed += await pullBlobs("team/app", first);
    seen.push(await pull("team/app", "1"));
    bytesServed += await pullBlobs("team/app", first);
    // Twenty at once: the upstream is asked once, and one of them is told that it counted.
    seen.push(...(await Promise.all(Array.from({ length: 20 }, () => pull("library/tool", "2")))));
    bytesServed += await pullBlobs("library/tool", big);
    // A HEAD is no pull, nor is a 304, nor a 404.
    const tag = "/v2/team/app/manifests/1";
    await mirror.fetch(tag, { method: "HEAD" });
    const etag = `"${first.manifest.content.digest}"`;
    expect((await mirror.fetch(tag, { headers: { "if-none-match": etag } })).status).toBe(304);
    expect((await pull("team/app", "none")).outcome).toBe("404");
    // The tag moves.
    hub.push("team/app", "1", second);
    seen.push(await pull("team/app", "1"));
    seen.push(await pull("team/app", first.manifest.content.digest));
    // Docker Hub is away, then over its limit.
    hub.faults.registry = "503";
    seen.push(await pull("team/app", "1"));
    expect((await pull("team/unknown", "1")).outcome).toBe("503");
    hub.faults.registry = "429";
    expect((await pull("team/unknown", "1", "skopeo/1")).outcome).toBe("429");

    const log = await readLog(mirror, seen.length);
    const shown = log.map(({ repository, tag, digest, outcome }) => {
      return { repository, tag, digest, outcome };
    });
    const asSeen = seen.map(({ bytes: _bytes, ...rest }) => rest);
    expect(shown.filter((p) => p.repository === "team/app")).toEqual(
      asSeen.filter((p) => p.repository === "team/app"),
    );
    expect(shown.toSorted(byOutcome)).toEqual(asSeen.toSorted(byOutcome));
    expect(seen.map(({ outcome }) => outcome)).toEqual(
      expect.arrayContaining(["miss", "revalidated", "stale", "hit"]),
    );
    expect(log.filter(({ counted }) => counted)).toHaveLength(hub.pulls());

    const count = (outcome: string): number =>
      seen.filter((entry) => entry.outcome === outcome).length;
    const stats = await readApi(mirror, "/api/stats", Stats);
    const manifestBytes = seen.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(stats.totals).toMatchObject({
      pulls: seen.length,
      hits: count("hit"),
      revalidated: count("revalidated"),
      stale: count("stale"),
      misses: count("miss"),
      upstreamPulls: hub.pulls(),
      bytesServed: bytesServed + manifestBytes,
    });
    const fetchedBlobs = [...hub.bytesSent.values()].reduce((sum, bytes) => sum + bytes, 0);
    const fetchedManifests = [first, second, big].map(({ manifest }) => manifest.content.size);
    expect(stats.totals.bytesFetched).toBe(
      fetchedBlobs + fetchedManifests.reduce((sum, size) => sum + size, 0),
    );
    expect(stats.buckets.reduce((sum, { pulls }) => sum + pulls, 0)).toBe(seen.length);
    // A GET tells what was left before it.
    expect(stats.quotas).toEqual([
      {
        upstream: "docker.io",
        credential: "anonymous",
        warnBelow: 20,
        quota: expect.objectContaining({ remaining: 51 - hub.pulls() }) as object,
      },
    ]);

    const { repositories } = await readApi(mirror, "/api/catalog", CatalogPage);
    expect(repositories.map(({ repository }) => repository)).toEqual(["library/tool", "team/app"]);
    const [tool, app] = repositories;
    expect(tool).toMatchObject({ hits: 20 - countOf(seen, tool), misses: countOf(seen, tool) });
    expect(app).toMatchObject({ hits: 3, misses: 2, lastPullMs: log.at(-1)?.timeMs });
    expect(app?.tags).toEqual([
      expect.objectContaining({ tag: "1", digest: second.manifest.content.digest }),
    ]);
    const sizes = [first, second].flatMap(({ manifest, blobs }) => [manifest.content, ...blobs]);
    expect(app?.bytes).toBe(sizes.reduce((sum, { size }) => sum + size, 0));

    const metrics = await (await mirror.fetch("/metrics")).text();
    for (const outcome of ["hit", "revalidated", "stale", "miss"])
      expect(metrics).toContain(`\ntidepool_pulls_total{outcome="${outcome}"} ${count(outcome)}\n`);
    expect(metrics).toContain(
      `\ntidepool_upstream_pulls_total{upstream="docker.io"} ${hub.pulls()}\n`,
    );
    expect(metrics).toMatch(
      /\ntidepool_upstream_failures_total\{upstream="docker.io",kind="bad-response"\} 2\n/,
    );
    expect(metrics).toMatch(
      /\ntidepool_upstream_failures_total\{upstream="docker.io",kind="rate-limited"\} 1\n/,
    );
  }, 60_000);

  test("has each client's blobs beside its own pull, through an index too", async () => {
    const image = createImage([syntheticContent(1000)]);
    const index = createIndex([image]);
    hub.push("team/multi", "1", image);
    hub.push("team/multi", "1", index);
    for (const agent of ["one", "two"]) {
      await pull("team/multi", "1", agent);
      await pull("team/multi", image.manifest.content.digest, agent);
    }
    const bytes = await pullBlobs("team/multi", image, "one");
    await pullBlobs("team/multi", image, "two");
    const log = await readLog(mirror, 4);
    expect(log.map(({ client, tag, blobs }) => ({ agent: client.userAgent, tag, blobs }))).toEqual([
      { agent: "one", tag: "1", blobs: { hits: 0, misses: 0, bytes: 0 } },
      { agent: "one", tag: null, blobs: { hits: 0, misses: 2, bytes } },
      { agent: "two", tag: "1", blobs: { hits: 0, misses: 0, bytes: 0 } },
      { agent: "two", tag: null, blobs: { hits: 2, misses: 0, bytes } },
    ]);
  });

  test("is kept over a restart", async () => {
    hub.push("team/app", "1", createImage([]));
    await pull("team/app", "1");
    const log = await readLog(mirror, 1);
    expect(log).toHaveLength(1);
    await mirror.restart();
    expect((await readApi(mirror, "/api/pulls", PullLogPage)).pulls).toEqual(log);
  });
});

describe("the log", () => {
  test("keeps a pull for as long as it says, on a mirror that nobody uses any more", async () => {
    hub.push("team/app", "1", createImage([]));
    await pull("team/app", "1");
    const [old] = await readLog(mirror, 1);
    const monthMs = 31 * 24 * 3_600_000;
    await mirror.restart(() => {
      changeLedger(mirror.data, `UPDATE pull SET time_ms = time_ms - ${monthMs}`);
      changeLedger(mirror.data, `UPDATE tag SET seen_ms = seen_ms - ${monthMs}`);
    });
    const { pulls, completeSinceMs } = await readApi(mirror, "/api/pulls", PullLogPage);
    expect(pulls).toEqual([]);
    expect(completeSinceMs).toBeGreaterThanOrEqual(old!.timeMs);
    const count = (table: string): unknown[] =>
      queryLedger(mirror.data, `SELECT count(*) AS n FROM ${table}`).map(({ n }) => n);
    expect(["pull", "tag"].map(count)).toEqual([[1], [1]]);
    await mirror.runScheduled();
    expect(["pull", "manifest", "content", "tag"].map(count)).toEqual([[0], [0], [0], [0]]);
    const { repositories } = await readApi(mirror, "/api/catalog", CatalogPage);
    expect(repositories).toMatchObject([{ repository: "team/app", tags: [], bytes: 0, misses: 1 }]);
  });

  test("takes hostile user agents, addresses and names for what they are", async () => {
    hub.push("team/app", "1", createImage([]));
    const agent = `<script>alert(1)</script>"'; DROP TABLE pull;-- ${"x".repeat(10_000)}`;
    const headers = { "user-agent": agent, "cf-connecting-ip": "203.0.113.7" };
    await (await mirror.fetch("/v2/team/app/manifests/1", { headers })).arrayBuffer();
    for (const path of [
      "/v2/%3Cscript%3E/manifests/1",
      "/v2/team/app/manifests/%0d%0aX-Evil:1",
      `/v2/team/${"a".repeat(10_000)}/manifests/1`,
      "/v2/team/app/manifests/'--",
    ])
      expect((await mirror.fetch(path)).status).toBeGreaterThanOrEqual(400);
    const log = await readLog(mirror, 1);
    expect(log).toHaveLength(1);
    // No edge vouches for the address here.
    expect(log[0]?.client).toEqual({ address: "", userAgent: agent.slice(0, 256) });
    expect(await (await mirror.fetch("/metrics")).text()).not.toContain("script");
  });

  test("is paged by Link, filtered on every page", async () => {
    const images = [createImage([]), createImage([])];
    hub.push("team/a", "1", images[0]!);
    hub.push("team/b", "1", images[1]!);
    for (let n = 0; n < 5; n += 1) {
      await pull("team/a", "1");
      await pull("team/b", "1");
    }
    const log = await readLog(mirror, 10);
    const walked: string[] = [];
    let path: string | null = "/api/pulls?repository=team/a&n=2";
    for (let pages = 0; path !== null; pages += 1) {
      expect(pages).toBeLessThan(3);
      const response = await mirror.fetch(path);
      const page = PullLogPage.parse(await response.json());
      walked.push(...page.pulls.map(({ id }) => id));
      path = parseNextLink(response.headers.get("link") ?? "");
    }
    expect(walked).toEqual(log.filter((p) => p.repository === "team/a").map(({ id }) => id));

    const response = await mirror.fetch("/api/catalog?n=1");
    const next = parseNextLink(response.headers.get("link") ?? "") ?? "";
    const rest = await mirror.fetch(next);
    expect(rest.headers.get("link")).toBeNull();
    const { repositories } = CatalogPage.parse(await rest.json());
    expect(repositories.map(({ repository }) => repository)).toEqual(["team/b"]);
  });
});

function byOutcome(a: object, b: object): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

function countOf(seen: readonly Seen[], entry: { repository: string } | undefined): number {
  return seen.filter((p) => p.repository === entry?.repository && p.outcome === "miss").length;
}
