import type { FakeHub } from "../helpers/fake-hub/hub.ts";
import { bundleWorker } from "../../worker/local/bundle.ts";
import { createImage, createIndex, syntheticContent } from "../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import { type Row, median, requestsPerSecond } from "./measure.ts";
import { OPERATIONS, type Operations, RECORDING } from "./worker/operations.ts";

const ENTRY = new URL("worker/index.ts", import.meta.url);
const LAYERS = 10;
const LAYER_BYTES = 3_000_000;
const WARM_PULLS = 20;
const RECORDING_TURNS = 9;
/** Longer than the ledger is told after. */
const SETTLE_MS = 3_000;
/** Dollars per million. @see Cloudflare's pricing pages for Workers, R2 and Durable Objects, November 2026 */
const PRICE = {
  requests: 0.3,
  classA: 4.5,
  classB: 0.36,
  objectRequests: 0.15,
  rowsRead: 0.001,
  rowsWritten: 1,
};

/** What a pull costs in operations that are billed, and what recording it costs in time. */
export async function measureOperations(hub: FakeHub): Promise<Row[]> {
  const mirror = await startTestMirror(
    { UPSTREAM: hub.url },
    { script: bundleWorker(ENTRY), blobs: "r2" },
  );
  try {
    return [...(await countOperations(hub, mirror)), await measureRecording(hub, mirror)];
  } finally {
    await mirror.stop();
  }
}

async function countOperations(hub: FakeHub, mirror: TestMirror): Promise<Row[]> {
  const layers = Array.from({ length: LAYERS }, () => syntheticContent(LAYER_BYTES));
  const image = createImage(layers);
  hub.push("library/counted", "1", image);
  hub.push("library/counted", "1", createIndex([image]));
  const paths = [
    "/v2/library/counted/manifests/1",
    `/v2/library/counted/manifests/${image.manifest.content.digest}`,
    ...image.blobs.map(({ digest }) => `/v2/library/counted/blobs/${digest}`),
  ];
  const pull = async (): Promise<void> => {
    // As dockerd: a HEAD of the tag first.
    await mirror.fetch(paths[0]!, { method: "HEAD" });
    for (const path of paths) await (await mirror.fetch(path)).arrayBuffer();
  };
  await take(mirror);
  await pull();
  const cold = await take(mirror);
  // An isolate that has served nothing yet, and then one that has.
  await mirror.restart();
  await take(mirror);
  await pull();
  const first = await take(mirror);
  for (let times = 0; times < WARM_PULLS; times += 1) await pull();
  const warm = perPull(await take(mirror), WARM_PULLS);
  const requests = paths.length + 2;
  return [
    operationsRow(`billed for a cold pull of ${LAYERS} layers`, cold, null),
    operationsRow(`billed for a warm pull, by an isolate that has just started`, first, null),
    operationsRow(`billed for a warm pull`, warm, {
      text: "at most 11 R2 reads and no writes",
      met: warm.classB <= LAYERS + 1 && warm.classA === 0,
    }),
    {
      measure: `1 million of them, ${requests} requests each, without CPU time`,
      unit: "$",
      values: { warm: price(warm, requests), cold: price(cold, requests) },
      goal: null,
    },
  ];
}

function operationsRow(measure: string, counts: Operations, goal: Row["goal"]): Row {
  const values = {
    "R2 class A": counts.classA,
    "R2 class B": counts.classB,
    "Durable Object requests": counts.objectRequests,
    "rows read": counts.rowsRead,
    "rows written": counts.rowsWritten,
  };
  return { measure, unit: "operations", values, goal };
}

function perPull(counts: Operations, pulls: number): Operations {
  const entries = Object.entries(counts).map(([name, count]) => [name, (count as number) / pulls]);
  return Object.fromEntries(entries);
}

/** Dollars for a million pulls. */
function price(counts: Operations, requests: number): number {
  const { classA, classB, objectRequests, rowsRead, rowsWritten } = counts;
  return (
    requests * PRICE.requests +
    classA * PRICE.classA +
    classB * PRICE.classB +
    objectRequests * PRICE.objectRequests +
    rowsRead * PRICE.rowsRead +
    rowsWritten * PRICE.rowsWritten
  );
}

/** Reads the counts once the records of what was done are written, and begins anew. */
async function take(mirror: TestMirror): Promise<Operations> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return (await (await mirror.fetch(OPERATIONS)).json()) as Operations;
}

/** The same Worker with and without its records, in turn. */
async function measureRecording(hub: FakeHub, mirror: TestMirror): Promise<Row> {
  hub.push("library/recorded", "1", createImage([syntheticContent(2048)]));
  const path = "/v2/library/recorded/manifests/1";
  await (await mirror.fetch(path)).arrayBuffer();
  const shares: number[] = [];
  const rates = { with: [] as number[], without: [] as number[] };
  for (let turn = 0; turn < RECORDING_TURNS; turn += 1) {
    // The order changes, so that neither has the better half of a drift.
    const order = turn % 2 === 0 ? (["with", "without"] as const) : (["without", "with"] as const);
    const found = { with: 0, without: 0 };
    for (const name of order) {
      await mirror.fetch(`${RECORDING}?on=${name === "with" ? 1 : 0}`);
      found[name] = (await requestsPerSecond(mirror.url.origin + path)).perSecond;
      rates[name].push(found[name]);
    }
    shares.push(1 - found.with / found.without);
  }
  const share = median(shares);
  return {
    measure: "warm manifests by tag, with the pull log and without",
    unit: "requests/s",
    values: { with: median(rates.with), without: median(rates.without), "cost in %": 100 * share },
    goal: { text: "costs less than 5 %", met: share < 0.05 },
  };
}
