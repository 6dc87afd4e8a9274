import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApiError } from "../../../worker/contract/error.ts";
import { Stats } from "../../../worker/contract/stats.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage } from "../../helpers/images.ts";
import { readApi, readLog } from "../../helpers/ledger.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";
import { parsePrometheus } from "../../helpers/prometheus.ts";

const TOKEN = "correct-horse-battery-staple";

let hub: FakeHub;
/** On a machine of one's own. */
let mirror: TestMirror;
let guarded: TestMirror;
/** As deployed: no `LOCAL`. */
let deployed: TestMirror;

beforeAll(async () => {
  hub = await startFakeHub();
  const { username, password } = hub.account;
  const credentials = { DOCKERHUB_USERNAME: username, DOCKERHUB_TOKEN: password };
  [mirror, guarded, deployed] = await Promise.all([
    startTestMirror({ UPSTREAM: hub.url, ...credentials }),
    startTestMirror({ UPSTREAM: hub.url, ADMIN_TOKEN: TOKEN, ACCESS: "" }),
    startTestMirror({ UPSTREAM: hub.url, LOCAL: "" }),
  ]);
});
afterAll(async () => {
  await Promise.all([mirror.stop(), guarded.stop(), deployed.stop()]);
  await hub.close();
});

const PATHS = ["/api/pulls", "/api/catalog", "/api/stats", "/metrics"];

describe.each(PATHS)("GET %s", (path) => {
  test("is open on a machine of one's own", async () => {
    const response = await mirror.fetch(path);
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("wants the token where one is set, and with it no other leave", async () => {
    const bearers = [undefined, "Bearer", `Bearer ${TOKEN}x`, "Bearer x", `Basic ${TOKEN}`];
    for (const authorization of bearers) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const response = await guarded.fetch(path, { headers });
      expect(response.status).toBe(403);
      expect(response.headers.get("www-authenticate")).toBeNull();
      const { errors } = ApiError.parse(await response.json());
      expect(errors[0]).toMatchObject({ code: "DENIED" });
      expect(JSON.stringify(errors)).not.toContain(TOKEN);
    }
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await guarded.fetch(path, { headers })).status).toBe(200);
    const posted = await guarded.fetch(path, { headers, method: "POST" });
    expect(posted.status).toBe(405);
  });

  test("is refused when deployed without a token, and says which variable is missing", async () => {
    const response = await deployed.fetch(path, { headers: { authorization: "Bearer x" } });
    expect(response.status).toBe(403);
    const { errors } = ApiError.parse(await response.json());
    expect(errors[0]?.message).toContain("ADMIN_TOKEN");
  });
});

test("the lists of the distribution API take the same header", async () => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  expect((await mirror.fetch("/v2/_catalog", { headers })).status).toBe(200);
});

describe("a bad parameter is 400 and named", () => {
  const cases: [string, string][] = [
    ["/api/pulls?n=0", "n"],
    ["/api/pulls?n=1001", "n"],
    ["/api/pulls?n=ten", "n"],
    ["/api/pulls?n=1&n=2", "n"],
    ["/api/pulls?since=yesterday", "since"],
    ["/api/pulls?since=-1", "since"],
    ["/api/pulls?until=1e9", "until"],
    ["/api/pulls?until=9999999999999999", "until"],
    ["/api/pulls?repository=UPPER", "repository"],
    ["/api/pulls?repository=%27%3BDROP%20TABLE%20pull%3B--", "repository"],
    ["/api/pulls?digest=sha256:abc", "digest"],
    ["/api/pulls?last=%00", "last"],
    [`/api/pulls?last=${"a".repeat(200)}`, "last"],
    ["/api/catalog?last=nothing", "last"],
    ["/api/catalog?n=", "n"],
    ["/api/stats?step=week", "step"],
    ["/api/pulls?repo=team/app", "repo"],
    ["/api/pulls?n=1&Digest=", "Digest"],
    ["/api/pulls?step=day", "step"],
    ["/api/catalog?repository=team/app", "repository"],
    ["/api/stats?since=0&step=day&n=1", "n"],
    [`/api/stats?${"x".repeat(2_000)}=1`, "x{64}"],
    ["/api/stats?since=0&step=hour", "step"],
  ];
  test.each(cases)("%s", async (path, name) => {
    const response = await mirror.fetch(path);
    expect(response.status).toBe(400);
    const { errors } = ApiError.parse(await response.json());
    expect(errors[0]?.message).toMatch(new RegExp(`^${name} `));
  });
});

test("stats by day are the hours' sums, from whole hours on", async () => {
  hub.push("team/app", "1", createImage([]));
  await (await mirror.fetch("/v2/team/app/manifests/1")).arrayBuffer();
  const [pull] = await readLog(mirror, 1);
  const at = pull!.timeMs;
  const query = `since=${at - 1}&until=${at + 1}`;
  const [hours, days] = await Promise.all([
    readApi(mirror, `/api/stats?${query}`, Stats),
    readApi(mirror, `/api/stats?${query}&step=day`, Stats),
  ]);
  expect(hours.totals).toEqual(days.totals);
  expect(hours.totals.pulls).toBe(1);
  expect(hours.buckets[0]?.startMs).toBe(at - (at % 3_600_000));
  expect(days.buckets[0]?.startMs).toBe(at - (at % 86_400_000));
  expect(hours.sinceMs % 3_600_000).toBe(0);
  const empty = await readApi(mirror, "/api/stats?since=0&until=1&step=day", Stats);
  expect(empty).toMatchObject({ buckets: [], totals: { pulls: 0 } });
});

test("metrics are Prometheus's text, named as it advises", async () => {
  hub.remaining = 40;
  hub.push("team/metrics", "1", createImage([]));
  await (await mirror.fetch("/v2/team/metrics/manifests/1")).arrayBuffer();
  await readLog(mirror, 2);
  const response = await mirror.fetch("/metrics");
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const families = parsePrometheus(await response.text());
  for (const [name, { type, help }] of families) {
    expect(name).toMatch(/^tidepool_/);
    expect(name.endsWith("_total")).toBe(type === "counter");
    expect(name).not.toMatch(/milli|_ms|kilo|mega|_mb/);
    expect(help).not.toBe("");
  }
  expect(families.get("tidepool_pulls_total")?.samples).toContainEqual({
    labels: { outcome: "miss" },
    value: 2,
  });
  // From 0 on: the first one is a rise, too.
  const failures = families.get("tidepool_upstream_failures_total")?.samples ?? [];
  for (const upstream of ["docker.io", "ghcr.io", "quay.io"])
    for (const kind of ["unreachable", "timeout", "rate-limited", "credentials-refused"])
      expect(failures).toContainEqual({ labels: { upstream, kind }, value: 0 });
  expect(families.get("tidepool_upstream_limit_remaining_pulls")?.samples).toEqual([
    { labels: { upstream: "docker.io", credential: hub.account.username }, value: 40 },
  ]);
});
