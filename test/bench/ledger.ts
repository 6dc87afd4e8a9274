/**
 * How the lists and the status page do with a hundred times the repositories and a thousand times the pulls.
 *
 * Records are loaded by the ledger's own code into the file that its Durable Object has on this machine.
 *
 * @module
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import type { Client } from "../../worker/ledger/ledger.ts";
import { SqlLedger } from "../../worker/ledger/sql.ts";
import { startMirror } from "../../worker/local/mirror.ts";
import type { RepositoryName } from "../../worker/oci/repository.ts";
import { catalogKey } from "../../worker/store/keys.ts";
import { batch, digestOf, pullOf } from "../helpers/ledger-events.ts";
import { type Row, median } from "./measure.ts";

const FEW = { repositories: 1_000, pulls: 1_000 };
const MANY = { repositories: 100_000, pulls: 1_000_000 };
const RUNS = 30;
const BATCH = 5_000;
const DAY_MS = 24 * 3_600_000;
/** From the middle of the log and the catalog, where a page that is counted from the start would be slow. */
const PATHS = [
  "/v2/_catalog?n=100",
  "/v2/_catalog?n=100&last=team/app-000500",
  "/api/catalog?n=100",
  "/api/catalog?n=100&last=docker.io/team/app-000500",
  "/api/pulls?n=100",
  `/api/pulls?n=20&since=${Date.now() - DAY_MS}`,
  "/api/pulls?n=10&repository=team/app-000500",
  `/api/pulls?n=10&digest=${digestOf(500)}`,
  "/api/stats",
  "/metrics",
  "/",
];

/** Medians in milliseconds, and whether much takes no more than 1.5 times what little does. */
export async function measureLists(): Promise<Row[]> {
  const few = await load(FEW);
  const many = await load(MANY);
  const taken = new Map(PATHS.map((path) => [path, { few: [] as number[], many: [] as number[] }]));
  for (let run = 0; run < RUNS; run += 1)
    for (const [path, times] of taken) {
      times.few.push(await time(few.origin + path));
      times.many.push(await time(many.origin + path));
    }
  await Promise.all([few.stop(), many.stop()]);
  return [...taken].map(([path, times]) => {
    const [a, b] = [median(times.few), median(times.many)];
    return {
      measure: path,
      unit: "ms",
      values: { "1,000 repositories and pulls": a, "100,000 and 1,000,000": b },
      goal: { text: "at most 1.5 times as long", met: b <= 1.5 * a },
    };
  });
}

/** Starts a mirror that has so much behind it. */
async function load(size: { readonly repositories: number; readonly pulls: number }) {
  const data = await mkdtemp(join(tmpdir(), "tidepool-bench-"));
  const options = { host: "127.0.0.1", port: 0, data, variables: { ACCESS: "open" } };
  // Makes the object's file.
  const first = await startMirror(options);
  await time(`${first.url.origin}/api/stats`);
  await first.stop();
  await loadLedger(data, size);
  await loadStore(data, size.repositories);
  const mirror = await startMirror(options);
  return {
    origin: mirror.url.origin,
    async stop() {
      await mirror.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}

async function loadLedger(
  data: string,
  { repositories, pulls }: { readonly repositories: number; readonly pulls: number },
): Promise<void> {
  const files = await readdir(data, { recursive: true });
  const file = files.find((name) => /LedgerObject.*\/[0-9a-f]{64}\.sqlite$/.test(name));
  if (file === undefined) throw new Error("the ledger has no file");
  const database = new DatabaseSync(join(data, file));
  const now = Date.now();
  const ledger = new SqlLedger({
    sql: {
      exec: (query, ...bindings) => {
        const rows = database.prepare(query).all(...bindings);
        return { toArray: () => rows };
      },
    },
    transaction(work) {
      database.exec("BEGIN");
      work();
      database.exec("COMMIT");
    },
    keepMs: 90 * DAY_MS,
    now: () => now,
  });
  const client: Client = { address: "192.0.2.1", userAgent: "docker/29", token: "" };
  for (let from = 0; from < pulls; from += BATCH) {
    const part = Array.from({ length: Math.min(BATCH, pulls - from) }, (_, at) => {
      const repository = nameOf((from + at) % repositories);
      const timeMs = now - 30 * DAY_MS + Math.floor(((from + at) / pulls) * 30 * DAY_MS);
      const outcome = from + at < repositories ? "miss" : "hit";
      return pullOf({
        repository,
        timeMs,
        outcome,
        client,
        digest: digestOf((from + at) % repositories),
      });
    });
    await ledger.record(batch({ pulls: part }));
  }
  database.close();
}

async function loadStore(data: string, repositories: number): Promise<void> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: "export default {}",
      r2Buckets: { STORE: "tidepool" },
      defaultPersistRoot: data,
      resourcePersistencePath: data,
    }),
  );
  const bucket = await miniflare.getR2Bucket("STORE");
  const abreast = 20;
  for (let from = 0; from < repositories; from += abreast)
    await Promise.all(
      Array.from({ length: abreast }, (_, at) =>
        bucket.put(catalogKey({ upstream: "docker.io", repository: nameOf(from + at) }), ""),
      ),
    );
  await miniflare.dispose();
}

function nameOf(number: number): RepositoryName {
  return `team/app-${String(number).padStart(6, "0")}` as RepositoryName;
}

/** @returns milliseconds */
async function time(url: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(url);
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return performance.now() - startedAt;
}
