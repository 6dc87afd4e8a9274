/**
 * The mirror against Debian's docker-registry in proxy mode, on the same images and the same stand-in for Docker Hub,
 * in one run: `npm run bench`. Prints a table of medians and their ratio.
 *
 * Needs Debian's docker-registry, wrk and curl.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startRegistry } from "../clients/daemons.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { type Content, TYPES, createImage, syntheticContent } from "../helpers/images.ts";
import { startTestMirror } from "../helpers/mirror.ts";

const run = promisify(execFile);
const MIB = 1024 * 1024;
const RUNS = 3;
const LARGE_BYTES = 200 * MIB;
const CLIENTS = 20;
/** A cold layer, and what one connection to Docker Hub's CDN gives for it. */
const COLD = [
  { megabytes: 60, perSecond: 10 },
  { megabytes: 200, perSecond: 60 },
] as const;
/** Without it docker-registry would convert the manifest to schema 1 each time. */
const ACCEPT = `Accept: ${TYPES.dockerManifest}`;

interface Row {
  readonly measure: string;
  readonly unit: string;
  readonly mirror: number;
  readonly registry: number;
  /** Whether a larger figure is the better one. */
  readonly more: boolean;
}

const folder = await mkdtemp(join(tmpdir(), "tidepool-bench-"));
const hub = await startFakeHub();
const mirror = await startTestMirror({ UPSTREAM: hub.url });
const registry = await startRegistry(join(folder, "registry"), hub.url);
const targets = { mirror: mirror.url.origin, registry: registry.url };

try {
  const rows = await benchWarm();
  for (const line of COLD) rows.push(...(await benchCold(line)));
  print(rows);
} finally {
  await mirror.stop();
  await registry.stop();
  await hub.close();
  await rm(folder, { recursive: true, force: true });
}

async function benchWarm(): Promise<Row[]> {
  const small = syntheticContent(2048);
  const large = syntheticContent(LARGE_BYTES);
  const image = createImage([small, large]);
  hub.push("library/warm", "1", image);
  const paths = {
    tag: "/v2/library/warm/manifests/1",
    digest: `/v2/library/warm/manifests/${image.manifest.content.digest}`,
    small: `/v2/library/warm/blobs/${small.digest}`,
    large: `/v2/library/warm/blobs/${large.digest}`,
  };
  for (const origin of Object.values(targets))
    for (const path of Object.values(paths)) await download(origin + path);
  await settled(paths.large);
  const rate = (path: string) =>
    compare(async (origin) => LARGE_BYTES / MIB / (await download(origin + path)));
  return [
    {
      measure: "warm manifest by tag",
      unit: "requests/s",
      more: true,
      ...(await compareRequests(paths.tag)),
    },
    {
      measure: "warm manifest by digest",
      unit: "requests/s",
      more: true,
      ...(await compareRequests(paths.digest)),
    },
    {
      measure: "warm blob of 2 KB",
      unit: "requests/s",
      more: true,
      ...(await compareRequests(paths.small)),
    },
    {
      measure: `warm blob of ${LARGE_BYTES / MIB} MB`,
      unit: "MB/s",
      more: true,
      ...(await rate(paths.large)),
    },
  ];
}

async function benchCold(line: (typeof COLD)[number]): Promise<Row[]> {
  const bytes = line.megabytes * MIB;
  hub.faults.bytesPerSecond = line.perSecond * MIB;
  const one = await compare(async (origin) => await download(origin + publish(hub, bytes).path));
  const fetched: Record<string, number[]> = { mirror: [], registry: [] };
  const herd = await compare(async (origin, name) => {
    const { path, blob } = publish(hub, bytes);
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: CLIENTS }, () => download(origin + path)));
    const seconds = (performance.now() - startedAt) / 1000;
    fetched[name]?.push((hub.bytesSent.get(blob.digest) ?? 0) / bytes);
    return seconds;
  });
  hub.faults.bytesPerSecond = null;
  const times = {
    mirror: median(fetched["mirror"] ?? []),
    registry: median(fetched["registry"] ?? []),
  };
  const size = `${line.megabytes} MB at ${line.perSecond} MB/s`;
  return [
    { measure: `cold, ${size}, one client`, unit: "s", more: false, ...one },
    {
      measure: `cold, ${size}, last of ${CLIENTS} clients`,
      unit: "s",
      more: false,
      ...herd,
    },
    { measure: `the same: downloads from Docker Hub`, unit: "times", more: false, ...times },
  ];
}

function compareRequests(path: string): Promise<{ mirror: number; registry: number }> {
  return compare((origin) => requestsPerSecond(origin + path));
}

function publish(to: FakeHub, bytes: number): { path: string; blob: Content } {
  const blob = syntheticContent(bytes);
  const image = createImage([blob]);
  to.push("library/cold", "1", image);
  return { path: `/v2/library/cold/blobs/${blob.digest}`, blob };
}

/** Measures both in turn, so that a machine whose speed drifts treats them alike. */
async function compare(
  measure: (origin: string, name: string) => Promise<number>,
): Promise<{ mirror: number; registry: number }> {
  const found: { mirror: number[]; registry: number[] } = { mirror: [], registry: [] };
  for (let turn = 0; turn < RUNS; turn += 1) {
    for (const name of ["mirror", "registry"] as const)
      found[name].push(await measure(targets[name], name));
  }
  return { mirror: median(found.mirror), registry: median(found.registry) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

async function requestsPerSecond(url: string): Promise<number> {
  const { stdout } = await run("wrk", ["-t1", "-c16", "-d4s", "-H", ACCEPT, url]);
  if (/Non-2xx/.test(stdout)) throw new Error(`${url}: ${stdout}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

/** @returns seconds */
async function download(url: string): Promise<number> {
  const format = "%{http_code} %{time_total} %{size_download}";
  const { stdout } = await run("curl", ["-s", "-o", "/dev/null", "-w", format, "-H", ACCEPT, url]);
  const [status, seconds] = stdout.split(" ");
  if (status !== "200") throw new Error(`${url} answered ${status}`);
  return Number(seconds);
}

/** Waits until the mirror has made one object of a blob. */
async function settled(path: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    const head = await mirror.fetch(path, { method: "HEAD" });
    if (head.headers.get("x-cache") === "HIT") return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("a blob was not stored within a minute");
}

function print(rows: readonly Row[]): void {
  const lines = rows.map(({ measure, unit, mirror: ours, registry: theirs, more }) => {
    const ratio = (more ? ours / theirs : theirs / ours).toFixed(2);
    return `| ${measure} | ${show(ours)} ${unit} | ${show(theirs)} ${unit} | ${ratio} × |`;
  });
  const head =
    "| measure | Tidepool | docker-registry 2.8 proxy | better by |\n| --- | --- | --- | --- |";
  process.stdout.write(`${head}\n${lines.join("\n")}\n`);
  process.stdout.write(`${JSON.stringify({ runs: RUNS, rows })}\n`);
}

function show(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(2);
}
