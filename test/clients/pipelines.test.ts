import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeCloudflare, startFakeCloudflare } from "../helpers/fake-cloudflare/cloudflare.ts";
import { type Edge, startEdge } from "../helpers/fake-cloudflare/edge.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { createImage, syntheticContent } from "../helpers/images.ts";
import { type Release, createProject, serveRelease } from "./pipeline.ts";
import { type RunnerHost, hasHost, startHost } from "./runner-host.ts";

/** Runs jobs on this machine, scripts before and after included, as GitLab Runner's shell executor does. */
const RUN = ["--force-shell-executor"];

const hasTools = ["/usr/bin/rsync", "/usr/bin/wget"].every(existsSync);
if (!hasTools) console.warn("skipped: rsync or wget is not installed");

let folder = "";
let release: Release;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidepool-pipelines-"));
  release = await serveRelease(join(folder, "release"));
});
afterAll(async () => {
  await release.close();
  await rm(folder, { recursive: true, force: true });
});

const binding = (name: string, text: string) => ({ type: "plain_text", name, text });

describe.skipIf(!hasTools)(
  "the deploy template, run by gitlab-ci-local",
  { timeout: 300_000 },
  () => {
    let cloudflare: FakeCloudflare;
    let hub: FakeHub;
    let edge: Edge;

    beforeAll(async () => {
      cloudflare = await startFakeCloudflare();
      hub = await startFakeHub();
      hub.push("library/hello-world", "latest", createImage([syntheticContent(500)]));
      edge = await startEdge(cloudflare, { UPSTREAM: hub.url });
    });
    afterAll(async () => {
      await edge.close();
      await hub.close();
      await cloudflare.close();
    });

    it("refuses a release with another sum than the one that was pinned", async () => {
      const inputs = { mirror: edge.url, source: release.source, sha256: "0".repeat(64) };
      const project = await createProject(join(folder, "pinned"), "deploy/template.yml", {
        inputs,
      });
      const variable = `CLOUDFLARE_API_TOKEN=${cloudflare.token}`;
      const { code, output } = await project.gitlabCiLocal([...RUN, "--variable", variable]);
      expect(code).not.toBe(0);
      expect(output).toMatch(/tidepool-\d+\.tar\.gz: FAILED/);
      expect(cloudflare.requests).toEqual([]);
    });

    it("checks the release, deploys it and examines the mirror", async () => {
      const upstreams = '{"registry.example": {"url": "https://registry.example:5000"}}';
      const inputs = {
        mirror: edge.url,
        source: release.source,
        sha256: release.sha256,
        vars: `QUOTA_WARNING_PERCENT=33\nUPSTREAMS=${upstreams}\n`,
      };
      const project = await createProject(join(folder, "deploy"), "deploy/template.yml", {
        inputs,
      });
      const secrets = join(folder, "secrets.json");
      const token = "correct-horse-battery";
      await writeFile(secrets, JSON.stringify({ ACCESS: "open", ADMIN_TOKEN: token }));
      const { CI: _, ...account } = cloudflare.env;
      const variables = { ...account, TIDEPOOL_SECRETS: secrets, TIDEPOOL_TOKEN: token };
      const given = Object.entries(variables).flatMap(([name, value]) => [
        "--variable",
        `${name}=${value}`,
      ]);
      const { code, output } = await project.gitlabCiLocal([...RUN, ...given]);
      expect(code, output).toBe(0);
      expect(output).toContain("--dry-run: exiting now.");
      expect(output).toContain(`deploy: ${edge.url} works`);
      expect(output).not.toContain(token);
      expect(cloudflare.complaints).toEqual([]);
      const bound = cloudflare.workers.get("tidepool")?.versions[0]?.bindings;
      expect(bound).toContainEqual(binding("QUOTA_WARNING_PERCENT", "33"));
      expect(bound).toContainEqual(binding("UPSTREAMS", upstreams));
      expect((await fetch(`${edge.url}/v2/library/hello-world/manifests/latest`)).status).toBe(200);
    });
  },
);

describe.skipIf(!hasHost)(
  "the runner template, run by gitlab-ci-local",
  { timeout: 120_000 },
  () => {
    let host: RunnerHost;

    beforeAll(async () => {
      host = await startHost(await mkdtemp(join(folder, "host-")));
    });
    afterAll(() => host.stop());

    it("looks at the files, ships them and reloads dockerd", async () => {
      const daemon = '{"registry-mirrors": ["http://127.0.0.1:9"]}\n';
      const inputs = {
        source: release.source,
        sha256: release.sha256,
        hosts: host.address,
        daemon_json: host.daemonJson,
        config_toml: host.configToml,
      };
      const files = { "daemon.json": daemon };
      const project = await createProject(join(folder, "runner"), "runner/template.yml", {
        inputs,
        files,
      });
      const { code, output } = await project.gitlabCiLocal([
        ...RUN,
        "--variable",
        `SSH_PRIVATE_KEY=${host.folder}/user_key`,
        "--variable",
        `SSH_KNOWN_HOSTS=${host.folder}/known_hosts`,
      ]);
      expect(code, output).toBe(0);
      expect(output).toContain("no mirror mistakes found");
      expect(output).toContain("daemon.json: in force (reload)");
      expect(await readFile(host.daemonJson, "utf8")).toBe(daemon);
      expect(await host.docker("info", "--format", "{{.RegistryConfig.Mirrors}}")).toContain(":9/");
      expect(await host.calls()).toEqual(["reload docker"]);
    });
  },
);
