import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CatalogPage } from "../../../worker/contract/catalog.ts";
import { PullLogPage } from "../../../worker/contract/pull-log.ts";
import { Stats } from "../../../worker/contract/stats.ts";
import { parsePrometheus } from "../../helpers/prometheus.ts";
import { receive } from "../../helpers/bytes.ts";
import { noFaults } from "../../helpers/fake-hub/faults.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { readApi, readLog } from "../../helpers/ledger.ts";
import { type TestMirror, startTestMirror } from "../../helpers/mirror.ts";
import { listRegistries } from "../../helpers/registries.ts";

/** Three registries that all have `team/app`, and none has another's. */
const NAMES = ["docker.io", "ghcr.io", "registry.example.com:5050"] as const;
const REPOSITORY = "team/app";
const hubs = {} as Record<(typeof NAMES)[number], FakeHub>;
const images = {} as Record<(typeof NAMES)[number], ReturnType<typeof createImage>>;
let mirror: TestMirror;

beforeAll(async () => {
  for (const name of NAMES) {
    hubs[name] = await startFakeHub();
    images[name] = createImage([syntheticContent(1000)]);
    hubs[name].push(REPOSITORY, "1", images[name]);
  }
  const { "docker.io": hub, ...others } = hubs;
  const UPSTREAMS = listRegistries(others);
  mirror = await startTestMirror({ UPSTREAM: hub.url, UPSTREAMS, TAG_TTL_SECONDS: "3600" });
});
afterAll(async () => {
  await mirror.stop();
  for (const name of NAMES) await hubs[name].close();
});
beforeEach(() => {
  for (const name of NAMES) {
    hubs[name].forget();
    hubs[name].faults = noFaults();
  }
});

/** How a repository of a registry can be asked for. */
const FORMS = NAMES.flatMap((name) => [
  { name, form: "ns", path: (rest: string) => `/v2/${REPOSITORY}/${rest}?ns=${name}` },
  { name, form: "prefix", path: (rest: string) => `/v2/${name}/${REPOSITORY}/${rest}` },
]);
const ROOT = { name: NAMES[0], form: "root", path: (rest: string) => `/v2/${REPOSITORY}/${rest}` };

describe.each([ROOT, ...FORMS])("$name asked for by $form", ({ name, form, path }) => {
  test("answers with its own image and layers, by tag and by digest", async () => {
    const { manifest, blobs } = images[name];
    const byTag = await mirror.fetch(path("manifests/1"));
    expect(byTag.headers.get("docker-content-digest")).toBe(manifest.content.digest);
    const byDigest = await mirror.fetch(path(`manifests/${manifest.content.digest}`));
    expect(byDigest.status).toBe(200);
    for (const { digest } of blobs)
      expect(await receive(mirror.fetch(path(`blobs/${digest}`)))).toMatchObject({ digest });
    expect(byTag.headers.get("oci-namespace")).toBe(form === "ns" ? name : null);
  });

  test("knows no manifest of another registry, which is asked nothing for it", async () => {
    for (const other of NAMES.filter((one) => one !== name)) {
      const { digest } = images[other].manifest.content;
      expect((await mirror.fetch(path(`manifests/${digest}`))).status).toBe(404);
      expect(hubs[other].log).toEqual([]);
    }
  });

  test("lists its own tags, and names the next page in the same form", async () => {
    hubs[name].push(REPOSITORY, `of-${name.slice(0, 4)}`, images[name]);
    const asked = path("tags/list");
    const first = await mirror.fetch(`${asked}${asked.includes("?") ? "&" : "?"}n=1`);
    const next = /^<([^>]+)>; rel="next"$/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    const second = (await (await mirror.fetch(next)).json()) as { tags: string[] };
    expect([...((await first.json()) as { tags: string[] }).tags, ...second.tags]).toEqual([
      "1",
      `of-${name.slice(0, 4)}`,
    ]);
  });
});

test("a layer of one registry is not served for another's repository of the same name", async () => {
  const { digest } = images["ghcr.io"].blobs[1]!;
  await receive(mirror.fetch(`/v2/ghcr.io/${REPOSITORY}/blobs/${digest}`));
  const refused = await mirror.fetch(`/v2/${REPOSITORY}/blobs/${digest}`);
  expect(refused.status).toBe(404);
});

test("the catalog has each with its host, Docker Hub's bare, in one order and in pages", async () => {
  for (const { path } of [ROOT, ...FORMS]) await mirror.fetch(path("manifests/1"));
  const found: string[] = [];
  let next = "/v2/_catalog?n=1";
  while (next !== "") {
    const response = await mirror.fetch(next);
    const { repositories } = (await response.json()) as { repositories: string[] };
    found.push(...repositories);
    next = /^<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1] ?? "";
  }
  expect(found).toEqual(["ghcr.io/team/app", "registry.example.com:5050/team/app", "team/app"]);
});

test("the log and the API keep them apart", async () => {
  const fresh = await startTestMirror({
    UPSTREAM: hubs["docker.io"].url,
    UPSTREAMS: listRegistries({ "ghcr.io": hubs["ghcr.io"] }),
  });
  try {
    await fresh.fetch(`/v2/${REPOSITORY}/manifests/1`);
    await fresh.fetch(`/v2/${REPOSITORY}/manifests/1?ns=ghcr.io`);
    await readLog(fresh, 2);
    const of = async (repository: string) => {
      const path = `/api/pulls?repository=${repository}`;
      const { pulls } = await readApi(fresh, path, PullLogPage);
      return pulls.map(({ upstream, digest }) => ({ upstream, digest }));
    };
    const entry = (upstream: "docker.io" | "ghcr.io") => [
      { upstream, digest: images[upstream].manifest.content.digest },
    ];
    expect(await of(REPOSITORY)).toEqual(entry("docker.io"));
    expect(await of(`ghcr.io/${REPOSITORY}`)).toEqual(entry("ghcr.io"));
    const { repositories } = await readApi(fresh, "/api/catalog", CatalogPage);
    expect(repositories.map(({ upstream, repository }) => [upstream, repository])).toEqual([
      ["docker.io", REPOSITORY],
      ["ghcr.io", REPOSITORY],
    ]);
  } finally {
    await fresh.stop();
  }
});

describe("a registry that is not listed", () => {
  test.each([
    "/v2/quay.io/team/app/manifests/1",
    "/v2/team/app/manifests/1?ns=quay.io",
    "/v2/team/app/blobs/sha256:00?ns=quay.io",
    "/v2/team/app/tags/list?ns=169.254.169.254",
    "/v2/localhost/team/app/manifests/1",
    "/v2/127.0.0.1:8787/team/app/manifests/1",
    "/v2/metadata.internal/team/app/manifests/1",
    "/v2/ghcr.io.evil.example/team/app/manifests/1",
    "/v2/ghcr.io:443/team/app/manifests/1",
  ])("is refused without a look-up: %s", async (path) => {
    const asked = path.replace("sha256:00", images["ghcr.io"].blobs[0]!.digest);
    const response = await mirror.fetch(asked);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      errors: [{ code: "NAME_UNKNOWN", message: expect.stringContaining("UPSTREAMS") }],
    });
    for (const name of NAMES) expect(hubs[name].log).toEqual([]);
  });

  test.each([
    "ns=",
    "ns=https://ghcr.io",
    "ns=ghcr.io/team",
    "ns=a@ghcr.io",
    "ns=ghcr.io%0d%0aX-Evil:1",
    "ns=docker.io&ns=ghcr.io",
  ])("nor is what is no host name: %s", async (query) => {
    const response = await mirror.fetch(`/v2/team/app/manifests/1?${query}`);
    expect(response.status).toBe(400);
    expect(response.headers.get("x-evil")).toBeNull();
    for (const name of NAMES) expect(hubs[name].log).toEqual([]);
  });
});

test.each(["DOCKER.IO", "registry-1.docker.io", "index.docker.io"])(
  "%s is Docker Hub, by ns and by prefix",
  async (alias) => {
    const { digest } = images["docker.io"].manifest.content;
    for (const path of [
      `/v2/team/app/manifests/1?ns=${alias}`,
      `/v2/${alias}/team/app/manifests/1`,
    ])
      expect((await mirror.fetch(path)).headers.get("docker-content-digest")).toBe(digest);
  },
);

test("with ns, a host name in the path is the repository's own", async () => {
  const response = await mirror.fetch("/v2/ghcr.io/team/app/manifests/1?ns=docker.io");
  expect(response.status).toBe(404);
  expect(hubs["ghcr.io"].log).toEqual([]);
  expect(hubs["docker.io"].requests("registry")[0]?.url).toContain("/v2/ghcr.io/team/app/");
});

test("one registry's outage is no other's", async () => {
  hubs["docker.io"].faults.registry = "503";
  const image = createImage([syntheticContent(100)]);
  hubs["ghcr.io"].push("team/other", "1", image);
  expect((await mirror.fetch("/v2/ghcr.io/team/other/manifests/1")).status).toBe(200);
  expect((await mirror.fetch("/v2/team/unknown/manifests/1")).status).toBeGreaterThanOrEqual(500);
});

test("each registry's limit is told apart, with a warning where little is left", async () => {
  const { "docker.io": hub, "ghcr.io": ghcr } = hubs;
  const fresh = await startTestMirror({
    UPSTREAM: hub.url,
    UPSTREAMS: listRegistries({ "ghcr.io": ghcr }),
    QUOTA_WARNING_PERCENT: "30",
  });
  try {
    hub.remaining = 29;
    ghcr.remaining = 31;
    for (const path of [`/v2/${REPOSITORY}/manifests/1`, `/v2/ghcr.io/${REPOSITORY}/manifests/1`])
      expect((await fresh.fetch(path)).status).toBe(200);
    await readLog(fresh, 2);
    const { quotas } = await readApi(fresh, "/api/stats", Stats);
    expect(quotas).toMatchObject([
      { upstream: "docker.io", credential: "anonymous", warnBelow: 30, quota: { remaining: 29 } },
      { upstream: "ghcr.io", credential: "anonymous", warnBelow: 30, quota: { remaining: 31 } },
    ]);
    const families = parsePrometheus(await (await fresh.fetch("/metrics")).text());
    expect(families.get("tidepool_upstream_limit_warning_pulls")?.samples).toEqual([
      { labels: { upstream: "docker.io", credential: "anonymous" }, value: 30 },
      { labels: { upstream: "ghcr.io", credential: "anonymous" }, value: 30 },
    ]);
    const page = await (await fresh.fetch("/")).text();
    expect(page.match(/fewer than\s+30 are left/g)).toHaveLength(1);
  } finally {
    hub.remaining = null;
    ghcr.remaining = null;
    await fresh.stop();
  }
});

test("what is kept off Docker Hub's limit are its own pulls, and no other registry's", async () => {
  const { "docker.io": hub, ...others } = hubs;
  const fresh = await startTestMirror({ UPSTREAM: hub.url, UPSTREAMS: listRegistries(others) });
  try {
    for (const name of ["docker.io", "ghcr.io", "ghcr.io", "ghcr.io"])
      await (await fresh.fetch(`/v2/${name}/${REPOSITORY}/manifests/1`)).arrayBuffer();
    await readLog(fresh, 4);
    const { totals, upstreams } = await readApi(fresh, "/api/stats", Stats);
    expect(totals).toMatchObject({ pulls: 4, upstreamPulls: 2 });
    expect(upstreams).toMatchObject([
      { upstream: "docker.io", pulls: 1, misses: 1, upstreamPulls: 1 },
      { upstream: "ghcr.io", pulls: 3, misses: 1, upstreamPulls: 1 },
      { upstream: "registry.example.com:5050", pulls: 0, misses: 0, upstreamPulls: 0 },
    ]);
    const families = parsePrometheus(await (await fresh.fetch("/metrics")).text());
    expect(families.get("tidepool_upstream_pulls_total")?.samples).toEqual([
      { labels: { upstream: "docker.io" }, value: 1 },
      { labels: { upstream: "ghcr.io" }, value: 1 },
      { labels: { upstream: "registry.example.com:5050" }, value: 0 },
    ]);
    const page = (await (await fresh.fetch("/")).text()).replaceAll(/<[^>]+>|\s+/g, " ");
    expect(page).toMatch(/limit, last 7 days +0 +of 1 pulls of its images; last 24 hours: 0 of 1/);
  } finally {
    await fresh.stop();
  }
});

test.each(["-1", "101", "20%", ""])("QUOTA_WARNING_PERCENT %j stops the mirror", async (value) => {
  const stopped = await startTestMirror({ QUOTA_WARNING_PERCENT: value });
  try {
    const response = await stopped.fetch("/healthz");
    expect(response.status).toBe(500);
    expect(await response.text()).toContain("QUOTA_WARNING_PERCENT");
  } finally {
    await stopped.stop();
  }
});

test("each registry is asked with its own credentials and no other's", async () => {
  const { "docker.io": hub, "ghcr.io": ghcr } = hubs;
  const fresh = await startTestMirror({
    UPSTREAM: hub.url,
    DOCKERHUB_USERNAME: hub.account.username,
    DOCKERHUB_TOKEN: hub.account.password,
    UPSTREAMS: JSON.stringify({
      "ghcr.io": { url: ghcr.url, username: "GHCR_USERNAME", token: "GHCR_TOKEN" },
    }),
    GHCR_USERNAME: ghcr.account.username,
    GHCR_TOKEN: ghcr.account.password,
  });
  try {
    for (const path of [`/v2/${REPOSITORY}/manifests/1`, `/v2/ghcr.io/${REPOSITORY}/manifests/1`])
      expect((await fresh.fetch(path)).status).toBe(200);
    for (const own of [hub, ghcr]) {
      const { username, password } = own.account;
      const sent = own.requests("token").map(({ headers }) => headers.authorization ?? null);
      expect(sent).toContain(`Basic ${btoa(`${username}:${password}`)}`);
      const other = own === hub ? ghcr : hub;
      expect(JSON.stringify(other.log)).not.toContain(btoa(`${username}:${password}`));
    }
  } finally {
    await fresh.stop();
  }
});
