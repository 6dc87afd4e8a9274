import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getStaticTOMLValue, parseTOML } from "toml-eslint-parser";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeCloudflare, startFakeCloudflare } from "../helpers/fake-cloudflare/cloudflare.ts";
import { type Edge, startEdge } from "../helpers/fake-cloudflare/edge.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../helpers/images.ts";
import { ROOT, runWith } from "./wrangler.ts";

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
  folder = await mkdtemp(join(tmpdir(), "tidepool-deploy-"));
});
afterEach(async () => {
  expect(cloudflare.complaints).toEqual([]);
  await edge.close();
  await hub.close();
  await cloudflare.close();
  await rm(folder, { recursive: true, force: true });
});

async function secretsFile(secrets: Readonly<Record<string, string>>): Promise<string> {
  const path = join(folder, "secrets.json");
  await writeFile(path, JSON.stringify(secrets), { mode: 0o600 });
  return path;
}

const get = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
  (await fetch(`${edge.url}${path}`, { headers })).status;

describe("npx wrangler deploy", { timeout: 180_000 }, () => {
  it("makes a closed mirror of an empty account, its bucket and objects included", async () => {
    const { code, output } = await runWith(cloudflare, ["wrangler", "deploy"]);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect([...cloudflare.buckets]).toEqual(["tidepool"]);
    expect(cloudflare.workers.get("tidepool")?.classes).toContain("LedgerObject");
    expect(cloudflare.workers.get("tidepool")?.onSubdomain).toBe(true);
    const health = await fetch(`${edge.url}/healthz`);
    expect(await health.json()).toEqual({ status: "ok" });
    const [deployed] = cloudflare.workers.get("tidepool")?.deployed ?? [];
    expect(health.headers.get("X-Tidepool-Version")).toBe(deployed);
    expect(await get("/v2/")).toBe(200);
    for (const path of ["/v2/library/hello-world/manifests/latest", "/v2/_catalog", "/api/stats"])
      expect([path, await get(path)]).toEqual([path, 403]);
    expect(hub.log).toEqual([]);
  });

  it("takes secrets with it, and keeps them when it comes again without", async () => {
    const secrets = await secretsFile({ ACCESS: "open", ADMIN_TOKEN });
    const command = ["wrangler", "deploy", "--secrets-file", secrets] as const;
    expect((await runWith(cloudflare, [...command])).code).toBe(0);
    expect(await get("/v2/library/hello-world/manifests/latest")).toBe(200);
    const { code, output } = await runWith(cloudflare, ["wrangler", "deploy"]);
    expect(code).toBe(0);
    expect(output).not.toContain(ADMIN_TOKEN);
    expect(await get("/v2/library/hello-world/manifests/latest")).toBe(200);
    expect(await get("/api/stats", { Authorization: `Bearer ${ADMIN_TOKEN}` })).toBe(200);
  });

  it("sends neither URLs to Cloudflare's own log nor this repository's dependencies to anyone", async () => {
    await runWith(cloudflare, ["wrangler", "deploy"]);
    const metadata = cloudflare.workers.get("tidepool")?.versions[0]?.metadata;
    const logs = { invocation_logs: false };
    expect(metadata?.observability).toMatchObject({ enabled: true, logs });
    expect(metadata?.package_dependencies).toBeUndefined();
  });

  it("is refused with a token that is none, and leaves nothing", async () => {
    const env = { CLOUDFLARE_API_TOKEN: "not-the-token" };
    const { code, output } = await runWith(cloudflare, ["wrangler", "deploy"], env);
    expect(code).toBe(1);
    expect(output).toContain("Authentication error");
    expect(cloudflare.workers.size + cloudflare.buckets.size).toBe(0);
  });

  it("puts the mirror on a custom domain", async () => {
    const command = ["wrangler", "deploy", "--domain", "mirror.example.com"] as const;
    const { code, output } = await runWith(cloudflare, [...command]);
    expect(code, output).toBe(0);
    expect(cloudflare.workers.get("tidepool")?.domains).toEqual(["mirror.example.com"]);
    expect(cloudflare.workers.get("tidepool")?.crons).not.toEqual([]);
  });

  it("makes a second mirror for staging, with nothing in common", async () => {
    for (const env of ["", "staging"])
      expect((await runWith(cloudflare, ["wrangler", "deploy", "--env", env])).code).toBe(0);
    expect([...cloudflare.workers.keys()]).toEqual(["tidepool", "tidepool-staging"]);
    expect([...cloudflare.buckets]).toEqual(["tidepool", "tidepool-staging"]);
  });
});

interface Environment {
  readonly vars: Readonly<Record<string, string>>;
  readonly version_metadata: unknown;
  readonly r2_buckets: readonly { readonly binding: string; readonly bucket_name: string }[];
  readonly durable_objects: { readonly bindings: readonly unknown[] };
}

/** What wrangler hands on to an environment by itself. @see its documentation, "Configuration", "Inheritable keys" */
const INHERITED = new Set([
  "name",
  "main",
  "compatibility_date",
  "send_metrics",
  "workers_dev",
  "dependencies_instrumentation",
  "observability",
  "migrations",
  "triggers",
  "limits",
  "env",
]);

it("gives staging what production binds, and another bucket", async () => {
  const text = await readFile(join(ROOT, "wrangler.toml"), "utf8");
  const production = getStaticTOMLValue(parseTOML(text)) as unknown as Environment & {
    readonly env: { readonly staging: Environment };
  };
  const { staging } = production.env;
  expect(staging.vars).toEqual(production.vars);
  expect(staging.durable_objects).toEqual(production.durable_objects);
  expect(staging.version_metadata).toEqual(production.version_metadata);
  const buckets = production.r2_buckets.map(({ binding, bucket_name: name }) => ({
    binding,
    bucket_name: `${name}-staging`,
  }));
  expect(staging.r2_buckets).toEqual(buckets);
  // Whatever else production binds would be missing in staging, and wrangler says no more than a warning.
  const bound = Object.keys(production).filter((key) => !INHERITED.has(key));
  const repeated = Object.keys(staging).filter((key) => key !== "name");
  expect(repeated.toSorted()).toEqual(bound.toSorted());
});
