import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { noFaults } from "../helpers/fake-hub/faults.ts";
import {
  type Content,
  type Image,
  TYPES,
  createImage,
  syntheticContent,
} from "../helpers/images.ts";
import { type Right, judge } from "./judge.ts";
import type { Endpoint, Scenario } from "./scenario.ts";
import { type FaultyMirror, type World, ask } from "./world.ts";

/** One run's own image, which no other run has anything to do with. */
interface Stage {
  readonly world: World;
  readonly mirror: FaultyMirror;
  readonly scenario: Scenario;
  readonly repository: string;
  readonly image: Image;
  readonly layer: Content;
}

interface Ask {
  readonly path: string;
  readonly method: string;
  readonly range?: string;
  readonly right: Right;
}

/** For fills that are still going on when a run is over. */
const SWEEPS = 400;
const SWEEP_EVERY_MS = 100;

/**
 * Plays a scenario and looks at what became of it.
 *
 * @returns what is wrong, in words; empty for nothing
 */
export async function play(world: World, scenario: Scenario, seed: number): Promise<string[]> {
  const stage = publish(world, scenario, seed);
  await prepare(stage);
  const found = await withFaults(stage, () => askAll(stage));
  // Not before all is well again: what the fault left behind must not outlive it.
  found.push(...(await findUnrecovered(stage)), ...(await findLeftovers(stage)));
  return found;
}

function publish(world: World, scenario: Scenario, seed: number): Stage {
  const mirror = scenario.state === "stale" ? world.asking : world.fresh;
  // Of one length, so that none is a part of another.
  const repository = `run/s${String(seed).padStart(12, "0")}`;
  const layer = syntheticContent(scenario.size);
  const image = createImage([layer], TYPES.ociManifest);
  world.hub.push(repository, "1", image);
  return { world, mirror, scenario, repository, image, layer };
}

async function prepare(stage: Stage): Promise<void> {
  const { mirror, scenario, layer } = stage;
  if (scenario.state === "cold") return;
  if (scenario.state === "half-filled") {
    await interruptFill(stage);
    return;
  }
  for (const endpoint of ["manifest by tag", "blob"] as const) await expectRight(stage, endpoint);
  // The last bytes of a large one come before it is one object.
  for (let tries = 0; tries < SWEEPS; tries += 1) {
    const stored = await mirror.readStore(`blobs/${layer.digest.replace(":", "/")}`);
    if (stored.length > 0) return;
    await delay(SWEEP_EVERY_MS);
  }
  throw new Error("the image was not stored while nothing was wrong");
}

async function expectRight(stage: Stage, endpoint: Endpoint): Promise<void> {
  const { path, method, right } = requestOf(stage, endpoint);
  const problem = judge(
    { ...stage.scenario, endpoint, upstream: {}, store: [], reset: null },
    right,
    await ask(stage.mirror, path, { method }),
  );
  if (problem !== null) throw new Error(`${endpoint}, with nothing wrong: ${problem}`);
}

/** Leaves some chunks behind. */
async function interruptFill(stage: Stage): Promise<void> {
  const { world, mirror, layer } = stage;
  const { path } = requestOf(stage, "blob");
  world.hub.faultsOf.set(layer.digest, { ...noFaults(), bytesPerSecond: 30 * 1024 * 1024 });
  const leaving = new AbortController();
  const response = await mirror.fetch(path, { signal: leaving.signal });
  await response.body?.getReader().read();
  await mirror.reset("fill", layer.digest);
  leaving.abort();
  world.hub.faultsOf.delete(layer.digest);
}

async function withFaults(stage: Stage, work: () => Promise<string[]>): Promise<string[]> {
  const { world, mirror, scenario, repository, image } = stage;
  const faults = structuredClone({ ...noFaults(), ...scenario.upstream });
  const names = [repository, ...image.blobs.map(({ digest }) => digest)];
  const matches = { manifest: repository, layer: stage.layer.digest.replace("sha256:", "") };
  for (const name of names) world.hub.faultsOf.set(name, faults);
  const isStoreHit = scenario.store.length > 0;
  if (isStoreHit)
    await mirror.addFaults(
      scenario.store.map(({ about, ...fault }) => ({ ...fault, match: matches[about] })),
    );
  try {
    return await work();
  } finally {
    for (const name of names) world.hub.faultsOf.delete(name);
    if (isStoreHit)
      await Promise.all(Object.values(matches).map((match) => mirror.clearFaults(match)));
  }
}

async function askAll(stage: Stage): Promise<string[]> {
  const { mirror, scenario } = stage;
  const { path, method, right, ...how } = requestOf(stage, scenario.endpoint);
  const { fresh } = scenario;
  const [answers] = await Promise.all([
    Promise.all(
      Array.from({ length: scenario.clients }, () => ask(mirror, path, { method, fresh, ...how })),
    ),
    reset(stage),
  ]);
  return answers.map((answer) => judge(scenario, right, answer)).filter((found) => found !== null);
}

async function reset({ mirror, scenario, repository, layer }: Stage): Promise<void> {
  if (scenario.reset === null) return;
  const { object, afterMs } = scenario.reset;
  await delay(afterMs);
  await mirror.reset(object, object === "fill" ? layer.digest : `docker.io/${repository}`);
}

/** The next pull, with nothing wrong any more. */
async function findUnrecovered(stage: Stage): Promise<string[]> {
  const found: string[] = [];
  for (const endpoint of ["manifest by tag", "manifest by digest", "blob"] as const)
    await expectRight(stage, endpoint).catch((error: Error) => {
      found.push(`afterwards: ${error.message}`);
    });
  return found;
}

/** What is stored under wrong names, and what of fills is still there once their alarms have rung. */
async function findLeftovers(stage: Stage): Promise<string[]> {
  const { mirror, scenario, repository, image, layer } = stage;
  let isOver = false;
  for (let tries = 0; tries < SWEEPS && !isOver; tries += 1) {
    isOver = await mirror.sweep(layer.digest);
    if (!isOver && tries > 1) await delay(SWEEP_EVERY_MS);
  }
  const found = isOver ? [] : ["a fill that does not end"];
  const fills = await mirror.readStore(`fills/${layer.digest.replace(":", "/")}`);
  if (fills.length > 0 && !isLeftToSweep(scenario)) found.push(`${fills.length} chunks are left`);
  for (const { digest } of image.blobs)
    for (const { key, digest: real } of await mirror.readStore(`blobs/${digest.replace(":", "/")}`))
      if (real !== digest) found.push(`${key} holds ${real}`);
  const { digest } = image.manifest.content;
  for (const kind of ["manifests", "tags"])
    for (const stored of await mirror.readStore(`${kind}/docker.io/${repository}`))
      if (stored.size > 0 && stored.digest !== digest)
        found.push(`${stored.key} holds ${stored.digest}`);
  return found;
}

/** What a fill cannot know of when it dies between store and log, or is told wrong: `upkeep/sweep.ts` finds it. */
function isLeftToSweep({ state, reset: by, store }: Scenario): boolean {
  const isMisled = store.some(({ operation, kind }) =>
    operation === "delete" ? kind !== "slow" : operation === "put" && kind === "lost",
  );
  return state === "half-filled" || by?.object === "fill" || isMisled;
}

const UNKNOWN: Right = { status: 200, digest: null, contentLength: null };

function whole({ digest, size }: Content): Right {
  return { status: 200, digest, contentLength: size };
}

function headOf({ size }: Content): Right {
  return { status: 200, digest: null, contentLength: size };
}

function get(path: string, right: Right): Ask {
  return { path, method: "GET", right };
}

function requestOf({ scenario, repository, image, layer }: Stage, endpoint: Endpoint): Ask {
  const base = `/v2/${repository}`;
  const { content } = image.manifest;
  switch (endpoint) {
    case "manifest by tag":
      return get(`${base}/manifests/1`, whole(content));
    case "manifest by digest":
      return get(`${base}/manifests/${content.digest}`, whole(content));
    case "HEAD manifest":
      return { path: `${base}/manifests/1`, method: "HEAD", right: headOf(content) };
    case "blob":
      return get(`${base}/blobs/${layer.digest}`, whole(layer));
    case "range":
      return rangeOf(`${base}/blobs/${layer.digest}`, layer, scenario.size);
    case "HEAD blob":
      return { path: `${base}/blobs/${layer.digest}`, method: "HEAD", right: headOf(layer) };
    case "tags":
      return get(
        `${base}/tags/list`,
        whole(textOf(JSON.stringify({ name: repository, tags: ["1"] }))),
      );
    case "referrers":
      return get(`${base}/referrers/${content.digest}`, UNKNOWN);
    case "catalog":
      return get("/v2/_catalog?n=3", UNKNOWN);
    case "page":
      return get("/", UNKNOWN);
  }
}

/** The second half, or everything of what has none. */
function rangeOf(path: string, layer: Content, size: number): Ask {
  if (size < 2)
    return {
      path,
      method: "GET",
      right: { status: 200, digest: layer.digest, contentLength: size },
    };
  const first = Math.floor(size / 2);
  const digest = hash(layer.read(first, size - first));
  const right = { status: 206, digest, contentLength: size - first };
  return { path, method: "GET", range: `bytes=${first}-`, right };
}

function textOf(text: string): Content {
  const bytes = Buffer.from(text);
  return { digest: hash(bytes), size: bytes.byteLength, read: () => bytes };
}

function hash(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
