import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type FakeCloudflare, startFakeCloudflare } from "../helpers/fake-cloudflare/cloudflare.ts";
import { type Edge, startEdge } from "../helpers/fake-cloudflare/edge.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../helpers/images.ts";
import { must } from "../bot/verify/world.ts";
import { type Ended, ROOT, runWith } from "../deploy/wrangler.ts";

// Each deployment is half a dozen runs of wrangler, of a second each on a machine that does nothing else.
vi.setConfig({ testTimeout: 180_000 });

const ADMIN_TOKEN = "correct-horse-battery";

let cloudflare: FakeCloudflare;
let hub: FakeHub;
let edge: Edge;
let folder: string;

beforeEach(async () => {
  cloudflare = await startFakeCloudflare();
  hub = await startFakeHub();
  hub.push("library/hello-world", "latest", createImage([syntheticContent(500)]));
  edge = await startEdge(cloudflare, { UPSTREAM: hub.url });
  folder = await mkdtemp(join(tmpdir(), "tidepool-pipeline-"));
});
afterEach(async () => {
  expect(cloudflare.complaints).toEqual([]);
  await edge.close();
  await hub.close();
  await cloudflare.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the template's script as its job does. */
async function deploy(
  secrets: Readonly<Record<string, string>> | null,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const file = join(folder, "secrets.json");
  if (secrets !== null) await writeFile(file, JSON.stringify(secrets));
  return runWith(cloudflare, ["sh", join(ROOT, "templates/deploy/deploy.sh")], {
    TIDEPOOL_MIRROR: edge.url,
    TIDEPOOL_SETTLE_SECONDS: "0",
    CI_COMMIT_SHORT_SHA: "abc1234",
    ...(secrets === null ? {} : { TIDEPOOL_SECRETS: file }),
    ...env,
  });
}

const OPEN = { ACCESS: "open", ADMIN_TOKEN };
const deployed = (): readonly string[] => cloudflare.workers.get("tidepool")?.deployed ?? [];
const pull = async (): Promise<number> =>
  (await fetch(`${edge.url}/v2/library/hello-world/manifests/latest`)).status;

it("deploys a mirror, examines it, and says that it works", async () => {
  const { code, output } = await deploy(OPEN);
  expect({ code, output }).toMatchObject({ code: 0 });
  expect(output).toMatch(/ok {7}pull {5}library\/hello-world/);
  expect(output).toContain(`deploy: ${edge.url} works`);
  expect(output).not.toContain(ADMIN_TOKEN);
  expect(await pull()).toBe(200);
});

it("goes back to the version before where the new one does not work, and fails", async () => {
  expect((await deploy(OPEN)).code).toBe(0);
  // As good as broken code: this version answers every request with an error.
  const { code, output } = await deploy({ ACCESS: "nonsense" });
  expect(code).toBe(1);
  expect(output).toContain("FAILED   api");
  expect(output).toContain("the new version did not work; the one before is back, and works");
  expect(output).toContain("WARNING: with that version its secrets are back: ACCESS.");
  const [first, second, third] = deployed();
  expect(second).not.toBe(first);
  expect(third).toBe(first);
  expect(await pull()).toBe(200);
});

it("says so where the first version does not work: there is nothing to go back to", async () => {
  const { code, output } = await deploy(null);
  expect(code).toBe(1);
  expect(output).toContain("FAILED   access");
  expect(output).toContain("the first version does not work, and there is none to go back to");
  expect(deployed()).toHaveLength(1);
});

it("says so where the cause is not in the code: the version before does not work either", async () => {
  expect((await deploy(OPEN)).code).toBe(0);
  hub.faults.registry = "503";
  const { code, output } = await deploy(OPEN);
  expect(code).toBe(1);
  expect(output).toContain("the one before does not either: the cause lies outside the code");
});

it("is not deceived by the version before, which goes on answering for a moment", async () => {
  expect((await deploy(OPEN)).code).toBe(0);
  edge.lateMs = 7_000;
  const { code, output } = await deploy({ ACCESS: "nonsense" }, { TIDEPOOL_SETTLE_SECONDS: "20" });
  expect({ code, output }).toMatchObject({ code: 1 });
  expect(output).toContain("the new version did not work; the one before is back, and works");
  expect(deployed()[2]).toBe(deployed()[0]);
  expect(await pull()).toBe(200);
});

it("waits for the version that it deployed", async () => {
  expect((await deploy(OPEN)).code).toBe(0);
  edge.lateMs = 7_000;
  const { code, output } = await deploy(OPEN, { TIDEPOOL_SETTLE_SECONDS: "60" });
  expect({ code, output }).toMatchObject({ code: 0 });
  const health = await fetch(`${edge.url}/healthz`);
  expect(health.headers.get("X-Tidepool-Version")).toBe(deployed()[1]);
});

it("takes nothing back where Docker Hub was away before and still is", async () => {
  const file = join(folder, "first.json");
  await writeFile(file, JSON.stringify(OPEN));
  const first = ["wrangler", "deploy", "--env", "", "--secrets-file", file] as const;
  expect((await runWith(cloudflare, [...first])).code).toBe(0);
  hub.faults.registry = "503";
  const { code, output } = await deploy(OPEN);
  expect({ code, output }).toMatchObject({ code: 1 });
  expect(output).toContain("before this deployment these fail already: pull");
  expect(output).toContain("the new version is up and stays: pull failed before it too");
  expect(deployed()).toHaveLength(2);
});

it("deploys nothing where Cloudflare does not tell what to go back to", async () => {
  expect((await deploy(OPEN)).code).toBe(0);
  const list = "GET workers/scripts/tidepool/deployments";
  cloudflare.failing.add(list);
  const { code, output } = await deploy(OPEN);
  expect(code).toBe(1);
  expect(output).toContain("Cloudflare does not tell what is deployed now");
  expect(output).toContain("An unknown error has occurred");
  expect(deployed()).toHaveLength(1);
});

it("goes back to the version that had most of the traffic where two shared it", async () => {
  expect((await deploy(OPEN)).code).toBe(0);
  expect((await deploy(OPEN)).code).toBe(0);
  const [first = ""] = deployed();
  must(cloudflare.workers.get("tidepool")).sharing = { version: first, percentage: 90 };
  const { code, output } = await deploy({ ACCESS: "nonsense" });
  expect(code).toBe(1);
  expect(output).toContain(`going back to version ${first}`);
  expect(deployed().at(-1)).toBe(first);
});

it("goes back where wrangler fails only after the new version is up", async () => {
  expect((await deploy(OPEN)).code).toBe(0);
  const { code, output } = await deploy(OPEN, { TIDEPOOL_DOMAIN: "mirror.elsewhere.example" });
  expect(code).toBe(1);
  expect(output).toContain("Could not find zone");
  expect(output).toContain("the one before is back, and works");
  const [first, , third] = deployed();
  expect(third).toBe(first);
});

it("says so where it cannot go back: a Durable Object migration lies between", async () => {
  expect((await deploy(OPEN)).code).toBe(0);
  const worker = must(cloudflare.workers.get("tidepool"));
  worker.versions[0] = { ...must(worker.versions[0]), migrationTag: "v0" };
  const { code, output } = await deploy({ ACCESS: "nonsense" });
  expect(code).toBe(1);
  expect(output).toContain("could not be brought back");
  expect(deployed()).toHaveLength(2);
});

it("changes nothing where wrangler is refused", async () => {
  expect((await deploy(OPEN)).code).toBe(0);
  const before = deployed();
  const { code, output } = await deploy(OPEN, { CLOUDFLARE_ACCOUNT_ID: "0".repeat(32) });
  expect(code).toBe(1);
  expect(output).toContain("nothing has changed");
  expect(deployed()).toEqual(before);
  cloudflare.complaints.length = 0;
});

it.each([
  [{ TIDEPOOL_MIRROR: "" }, "TIDEPOOL_MIRROR is not set"],
  [{ CLOUDFLARE_API_TOKEN: "" }, "CLOUDFLARE_API_TOKEN is not set"],
  [{ TIDEPOOL_SETTLE_SECONDS: "soon" }, "TIDEPOOL_SETTLE_SECONDS must be"],
  [{ TIDEPOOL_VARS: "SOURCES=a\nelse" }, "TIDEPOOL_VARS must be lines of NAME=VALUE"],
  [{ TIDEPOOL_VARS: "ADMIN_TOKEN=hunter2" }, "ADMIN_TOKEN is a secret"],
  [{ TIDEPOOL_SECRETS: "/etc/hostname" }, "TIDEPOOL_SECRETS must be a file with one JSON object"],
])("asks nothing of Cloudflare where it is used wrongly: %j", async (env, message) => {
  const { code, output } = await deploy(null, env);
  expect(code).toBe(2);
  expect(output).toContain(message);
  expect(cloudflare.requests).toEqual([]);
});
