import { beforeEach, expect, test } from "vitest";
import { Stats } from "../../../worker/contract/stats.ts";
import { MemoryLedger } from "../../../worker/ledger/memory.ts";
import { type ApiDeps, getStats } from "../../../worker/routes/api.ts";
import { getMetrics } from "../../../worker/routes/metrics.ts";
import { NOON, batch } from "../../helpers/ledger-events.ts";
import { parsePrometheus } from "../../helpers/prometheus.ts";

const WINDOW_MS = 21_600_000;
const HUB = { upstream: "docker.io", credential: "operator" };

let ledger: MemoryLedger;
let now: number;

beforeEach(async () => {
  ledger = new MemoryLedger({ keepMs: 24 * 3_600_000, now: () => now });
  now = NOON;
  const told = { limit: 100, remaining: 3, windowSeconds: WINDOW_MS / 1000, seenAtMs: NOON };
  const credentials = ["operator", "former", "ghcr.io/anonymous", "gone.example/anonymous"];
  await ledger.record(
    batch({ quotas: credentials.map((credential) => ({ ...told, credential })) }),
  );
});

async function read() {
  const deps: ApiDeps = {
    ledger,
    storage: async () => null,
    accounts: [HUB, { upstream: "ghcr.io", credential: "anonymous" }],
    sources: [],
    warnShare: 0.2,
    now: () => now,
  };
  const stats = await getStats(deps, new Request("http://mirror/api/stats"));
  const families = parsePrometheus(await (await getMetrics(deps)).text());
  const labels = (name: string) =>
    families.get(`tidepool_upstream_limit_${name}`)?.samples.map((sample) => sample.labels);
  return { quotas: Stats.parse(await stats.json()).quotas, labels };
}

test("limits are told of the credentials that are in use, and of no former one", async () => {
  const { quotas, labels } = await read();
  const inUse = [HUB, { upstream: "ghcr.io", credential: "anonymous" }];
  expect(quotas.map(({ upstream, credential }) => ({ upstream, credential }))).toEqual(inUse);
  expect(quotas[0]).toMatchObject({ quota: { remaining: 3 }, warnBelow: 20 });
  for (const name of ["pulls", "remaining_pulls", "warning_pulls", "seen_timestamp_seconds"])
    expect(labels(name)).toEqual(inUse);
});

test("what was left of a limit is no alert any more once its window has passed", async () => {
  now = NOON + WINDOW_MS - 1;
  expect((await read()).labels("remaining_pulls")).toHaveLength(2);
  now = NOON + WINDOW_MS;
  const { quotas, labels } = await read();
  expect(quotas[0]).not.toHaveProperty("warnBelow");
  expect(labels("remaining_pulls")).toEqual([]);
  expect(labels("warning_pulls")).toEqual([]);
  expect(labels("pulls")).toHaveLength(2);
});
