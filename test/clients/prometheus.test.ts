import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../worker/local/port.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { createImage } from "../helpers/images.ts";
import { readLog } from "../helpers/ledger.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import { end, until } from "./daemons.ts";

const [PROMETHEUS, PROMTOOL] = ["/usr/bin/prometheus", "/usr/bin/promtool"];

let hub: FakeHub;
let mirror: TestMirror;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidepool-prometheus-"));
  hub = await startFakeHub();
  hub.remaining = 40;
  mirror = await startTestMirror({ UPSTREAM: hub.url });
  hub.push("team/metrics", "1", createImage([]));
  for (let n = 0; n < 3; n += 1)
    await (await mirror.fetch("/v2/team/metrics/manifests/1")).arrayBuffer();
  await readLog(mirror, 3);
});
afterAll(async () => {
  await mirror.stop();
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

/** What Prometheus answers to a query, as labels and value. */
async function ask(origin: string, query: string): Promise<[Record<string, string>, string][]> {
  const response = await fetch(`${origin}/api/v1/query?query=${encodeURIComponent(query)}`);
  const { data } = (await response.json()) as {
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  return data.result.map(({ metric, value }) => [metric, value[1]]);
}

describe.skipIf(!existsSync(PROMETHEUS) || !existsSync(PROMTOOL))("Prometheus", () => {
  it("finds nothing to complain of in the metrics and their names", async () => {
    const text = await (await mirror.fetch("/metrics")).text();
    const printed = await new Promise<string>((resolve) => {
      const child = execFile(PROMTOOL, ["check", "metrics"], (_error, stdout, stderr) => {
        resolve(stdout + stderr);
      });
      child.stdin?.end(text);
    });
    expect(printed).toBe("");
  });

  it("scrapes them, and counts what was pulled", async () => {
    const port = await freePort("127.0.0.1");
    const origin = `http://127.0.0.1:${port}`;
    const config = join(folder, "prometheus.yml");
    await writeFile(
      config,
      `scrape_configs: [{job_name: tidepool, scrape_interval: 1s, static_configs: [{targets: ["${mirror.url.host}"]}]}]\n`,
    );
    const flags = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const child = spawn(PROMETHEUS, flags, { stdio: "ignore" });
    try {
      await until("Prometheus", async () => (await ask(origin, "up")).length > 0);
      await until("a scrape", async () => {
        const [[, up] = []] = await ask(origin, 'up{job="tidepool"}');
        return up === "1";
      });
      const pulls = await ask(origin, "sum by (outcome) (tidepool_pulls_total)");
      const byOutcome = Object.fromEntries(pulls.map(([{ outcome }, value]) => [outcome, value]));
      expect(byOutcome).toEqual({ hit: "2", miss: "1", revalidated: "0", stale: "0" });
      const first = 'increase(tidepool_upstream_failures_total{kind="bad-response"}[1m]) > 0';
      expect(await ask(origin, first)).toEqual([]);
      hub.faults.registry = "503";
      await (await mirror.fetch("/v2/team/none/manifests/1")).arrayBuffer();
      hub.faults.registry = null;
      await until("the first failure", async () => (await ask(origin, first)).length > 0);
      expect(await ask(origin, first)).toEqual([
        [expect.objectContaining({ upstream: "docker.io" }), expect.any(String)],
      ]);
      expect(await ask(origin, "tidepool_upstream_limit_remaining_pulls")).toEqual([
        [expect.objectContaining({ credential: "anonymous" }), "40"],
      ]);
    } finally {
      await end(child);
    }
  });
});
