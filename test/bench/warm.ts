import { createImage, syntheticContent } from "../helpers/images.ts";
import type { Contenders } from "./contenders.ts";
import {
  type Row,
  type Target,
  compare,
  cpuMs,
  download,
  median,
  requestsPerSecond,
} from "./measure.ts";

const RUNS = 3;
const MB = 1e6;
const SMALL_BYTES = 2048;
const LARGE_BYTES = 500 * MB;
const GB = 1e9;
const REPOSITORY = "library/warm";

/** What is served from the cache, to one client or to 16 connections. */
export async function measureWarm(contenders: Contenders): Promise<Row[]> {
  const { mirror, proxies, plain, files } = contenders;
  const small = syntheticContent(SMALL_BYTES);
  const large = syntheticContent(LARGE_BYTES);
  const image = createImage([small, large]);
  await contenders.publish(REPOSITORY, "1", image);
  const paths = {
    tag: `/v2/${REPOSITORY}/manifests/1`,
    digest: `/v2/${REPOSITORY}/manifests/${image.manifest.content.digest}`,
    small: `/v2/${REPOSITORY}/blobs/${small.digest}`,
    large: `/v2/${REPOSITORY}/blobs/${large.digest}`,
  };
  for (const { origin } of proxies)
    for (const path of Object.values(paths)) await download(origin + path);
  await settled(mirror.url.origin + paths.large);

  const rate = async (path: string, file: string): Promise<Record<string, number>> => {
    const measure = async (target: Target): Promise<number> => {
      const url = target.origin + (target === files ? `/${file}` : path);
      return (await requestsPerSecond(url)).perSecond;
    };
    return await compare([...proxies, plain, ...(files === null ? [] : [files])], RUNS, measure);
  };
  const { digest } = image.manifest.content;
  const [byTag, byDigest] = [await rate(paths.tag, digest), await rate(paths.digest, digest)];
  const ofSmall = await rate(paths.small, small.digest);
  const ofLarge = await compare(
    [...proxies, plain, ...(files === null ? [] : [files])],
    RUNS,
    async (target) => {
      const path = target === files ? `/${large.digest}` : paths.large;
      return LARGE_BYTES / MB / (await download(target.origin + path)).seconds;
    },
  );
  return [
    better({ measure: "warm manifest by tag", unit: "requests/s", values: byTag }, 15),
    better({ measure: "warm manifest by digest", unit: "requests/s", values: byDigest }, 4),
    better({ measure: "warm blob of 2 KB", unit: "requests/s", values: ofSmall }, 1.5),
    better({ measure: "warm blob of 500 MB", unit: "MB/s", values: ofLarge }, 1),
    ...(await measureCpu(contenders, paths)),
  ];
}

function better(row: Omit<Row, "goal">, times: number): Row {
  const { Tidepool: ours = 0, "docker-registry as a proxy": theirs = 0 } = row.values;
  const text = `at least ${times} × docker-registry as a proxy`;
  return { ...row, goal: { text, met: ours >= times * theirs } };
}

/** CPU time of workerd, which is the Worker, Miniflare's store and the kernel's share for both. */
async function measureCpu(
  { mirror, pid }: Contenders,
  paths: { readonly tag: string; readonly large: string },
): Promise<Row[]> {
  const { origin } = mirror.url;
  const manifests: number[] = [];
  const gigabytes: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const before = cpuMs(pid);
    const { requests } = await requestsPerSecond(origin + paths.tag);
    const between = cpuMs(pid);
    manifests.push((between - before) / requests);
    for (let times = 0; times < 4; times += 1) await download(origin + paths.large);
    gigabytes.push((cpuMs(pid) - between) / ((4 * LARGE_BYTES) / GB) / 1000);
  }
  const perManifest = median(manifests);
  return [
    {
      measure: "CPU per warm manifest",
      unit: "ms",
      values: { Tidepool: perManifest },
      goal: { text: "within the free plan's 10 ms", met: perManifest < 10 },
    },
    {
      measure: "CPU per GB of a warm blob",
      unit: "s",
      values: { Tidepool: median(gigabytes) },
      goal: null,
    },
  ];
}

/** Waits until the mirror has made one object of a blob. */
export async function settled(url: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    const head = await fetch(url, { method: "HEAD" });
    if (head.headers.get("x-cache") === "HIT") return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("a blob was not stored within a minute");
}
