import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PullLogPage } from "../../worker/contract/pull-log.ts";
import { receive } from "../helpers/bytes.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { type Content, createImage, syntheticContent } from "../helpers/images.ts";
import { type MirrorProcess, spawnMirror } from "../helpers/process.ts";

/** `TIDEPOOL_CRASHES=200` for more. */
const CRASHES = Number(process.env["TIDEPOOL_CRASHES"] ?? 12);
const CLIENTS = 8;
/** Every so many pulls of all clients one is of a new image. */
const COLD_EVERY = 6;
const KIB = 1024;
/** Every so many rounds one is long enough for the ledger to have something to lose. */
const LONG_ROUND_EVERY = 5;
/** The ledger is told after 2 s (`recorder.ts`); the rest is for this machine to get round to it. */
const LEDGER_LAG_MS = 4_000;

/** Something that was published. */
interface Published {
  readonly repository: string;
  readonly contents: readonly { readonly path: string; readonly content: Content }[];
}

let hub: FakeHub;
let data: string;
let running: MirrorProcess | null = null;
const published: Published[] = [];
/** What was answered as a hit, by path: from then on it is cached, whatever happens. */
const cached = new Map<string, Content>();
const wrong: string[] = [];

beforeAll(async () => {
  hub = await startFakeHub();
  data = await mkdtemp(join(tmpdir(), "tidepool-crash-"));
});
afterAll(async () => {
  await running?.kill().catch(() => undefined);
  await hub.close();
  await rm(data, { recursive: true, force: true });
});

async function start(): Promise<MirrorProcess> {
  const variables = [`UPSTREAM=${hub.url}`, "TAG_TTL_SECONDS=3600"];
  const args = ["--port", "0", "--data", data, ...variables.flatMap((each) => ["--var", each])];
  running = await spawnMirror(args);
  return running;
}

function publish(): Published {
  const repository = `crash/s${published.length}`;
  // One in ten is filled by chunks.
  const isLarge = published.length % 10 === 9;
  const sizes = [2 * KIB, isLarge ? 18 * KIB * KIB : 60 * KIB];
  const image = createImage(sizes.map(syntheticContent));
  hub.push(repository, "1", image);
  const manifest = { path: `/v2/${repository}/manifests/1`, content: image.manifest.content };
  const blobs = image.blobs.map((content) => ({
    path: `/v2/${repository}/blobs/${content.digest}`,
    content,
  }));
  const one = { repository, contents: [manifest, ...blobs] };
  published.push(one);
  return one;
}

/** Pulls images until the mirror is gone. @returns when each manifest's answer was there */
async function pullUntilGone(
  mirror: MirrorProcess,
  round: { readonly userAgent: string; sent: number; turns: number },
): Promise<number[]> {
  const answered: number[] = [];
  for (;;) {
    const old = published[Math.floor(Math.random() * published.length)];
    const isCold = round.turns % COLD_EVERY === 0 || old === undefined;
    round.turns += 1;
    const image = isCold ? publish() : old;
    for (const [index, { path, content }] of image.contents.entries()) {
      if (index === 0) round.sent += 1;
      const headers = { "user-agent": round.userAgent };
      const got = await receive(fetch(new URL(path, mirror.url), { headers })).catch(() => null);
      if (got === null || got.broken) return answered;
      if (got.status !== 200 || got.digest !== content.digest)
        wrong.push(`${path}: ${got.status}, ${got.length} bytes of ${got.digest}`);
      if (got.headers.get("x-cache") === "HIT") cached.set(path, content);
      if (index === 0) answered.push(Date.now());
    }
  }
}

/** How many pulls a client made, as the log has it. */
async function countPulls(
  mirror: MirrorProcess,
  userAgent: string,
  since: number,
): Promise<number> {
  let count = 0;
  let next: string | null = `/api/pulls?n=1000&since=${since}`;
  while (next !== null) {
    const response: Response = await fetch(new URL(next, mirror.url));
    const page = PullLogPage.parse(await response.json());
    count += page.pulls.filter(({ client }) => client.userAgent === userAgent).length;
    next = /<([^>]+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1] ?? null;
  }
  return count;
}

test(`${CRASHES} times kill -9 under load: no wrong byte, no cached blob lost, no older pull forgotten`, async () => {
  const forgotten: string[] = [];
  for (let index = 0; index < CRASHES; index += 1) {
    const mirror = await start();
    const startedAt = Date.now();
    const round = { userAgent: `crash-${index}`, sent: 0, turns: 0 };
    const clients = Array.from({ length: CLIENTS }, () => pullUntilGone(mirror, round));
    const isLong = index % LONG_ROUND_EVERY === 0;
    await delay(isLong ? LEDGER_LAG_MS + 1500 * Math.random() : 30 + 900 * Math.random());
    const killedAt = Date.now();
    await mirror.kill();
    const answered = (await Promise.all(clients)).flat();
    if (!isLong) continue;

    const next = await start();
    const counted = await countPulls(next, round.userAgent, startedAt);
    const older = answered.filter((time) => time < killedAt - LEDGER_LAG_MS).length;
    if (counted < older || counted > round.sent)
      forgotten.push(`${round.userAgent}: ${counted} in the log of ${older} to ${round.sent}`);
    await next.kill();
  }

  // Only the store can answer now.
  hub.faults.registry = "503";
  hub.faults.cdn = "503";
  const mirror = await start();
  const lost: string[] = [];
  for (const [path, content] of cached) {
    const got = await receive(fetch(new URL(path, mirror.url)));
    if (got.digest !== content.digest) lost.push(`${path}: ${got.status} ${got.digest}`);
  }
  console.log(
    `${CRASHES} crashes, ${published.length} images, ${cached.size} cached manifests and blobs`,
  );
  expect(wrong).toEqual([]);
  expect(lost).toEqual([]);
  expect(forgotten).toEqual([]);
  expect(cached.size).toBeGreaterThan(CRASHES);
}, 3_600_000);
