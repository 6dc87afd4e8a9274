import { createImage, syntheticContent } from "../helpers/images.ts";
import type { Contenders } from "./contenders.ts";
import { type Row, cpuMs, download, median, residentMb } from "./measure.ts";
import { settled } from "./warm.ts";

const RUNS = 3;
const MB = 1e6;
const GB = 1e9;
const LAYER_BYTES = 500 * MB;
const CLIENTS = 50;
const UPSTREAM_BYTES_PER_SECOND = 60 * MB;
const SLOWER_BYTES_PER_SECOND = 10 * MB;
const REPOSITORY = "library/cold";

/** What nobody has pulled before: by one client, and by a crowd at once. */
export async function measureCold(contenders: Contenders): Promise<Row[]> {
  const { hub } = contenders;
  hub.faults.bytesPerSecond = UPSTREAM_BYTES_PER_SECOND;
  const rows = [...(await measureOne(contenders)), ...(await measureCrowd(contenders, "60 MB/s"))];
  hub.faults.bytesPerSecond = SLOWER_BYTES_PER_SECOND;
  rows.push(...(await measureCrowd(contenders, "10 MB/s")));
  hub.faults.bytesPerSecond = null;
  return [...rows, ...(await measureMemory(contenders))];
}

async function measureOne(contenders: Contenders): Promise<Row[]> {
  const { mirror, pid } = contenders;
  const times = { ours: [] as number[], theirs: [] as number[], direct: [] as number[] };
  const firsts = { ours: [] as number[], direct: [] as number[] };
  const cpu: number[] = [];
  const [, proxy] = contenders.proxies;
  for (let run = 0; run < RUNS; run += 1) {
    const { path, manifest } = publish(contenders, LAYER_BYTES);
    const before = cpuMs(pid);
    // As any client does: the manifest first, and with it a token.
    await download(mirror.url.origin + manifest);
    const ours = await download(mirror.url.origin + path);
    await settled(mirror.url.origin + path);
    cpu.push((cpuMs(pid) - before) / 1000 / (LAYER_BYTES / GB));
    await download(proxy.origin + manifest);
    const theirs = await download(proxy.origin + path);
    const direct = await downloadDirectly(contenders, path);
    times.ours.push(ours.seconds);
    times.theirs.push(theirs.seconds);
    times.direct.push(direct.seconds);
    firsts.ours.push(ours.firstByteSeconds * 1000);
    firsts.direct.push(direct.firstByteSeconds * 1000);
  }
  const [ours, direct] = [median(times.ours), median(times.direct)];
  const [first, firstDirect] = [median(firsts.ours), median(firsts.direct)];
  return [
    {
      measure: "cold layer of 500 MB, upstream at 60 MB/s a connection",
      unit: "s",
      values: {
        Tidepool: ours,
        "docker-registry as a proxy": median(times.theirs),
        "the upstream directly": direct,
      },
      goal: { text: "at most 1.10 × the upstream directly", met: ours <= 1.1 * direct },
    },
    {
      measure: "the same: first byte",
      unit: "ms",
      values: { Tidepool: first, "the upstream directly": firstDirect },
      goal: { text: "at most 50 ms after the upstream's", met: first <= firstDirect + 50 },
    },
    {
      measure: "CPU per GB of a cold blob, the store's share included",
      unit: "s",
      values: { Tidepool: median(cpu) },
      goal: null,
    },
  ];
}

async function measureCrowd(contenders: Contenders, line: string): Promise<Row[]> {
  const { hub, mirror } = contenders;
  const alone: number[] = [];
  const last: number[] = [];
  const bytes: number[] = [];
  const pulls: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const single = publish(contenders, LAYER_BYTES);
    alone.push((await download(mirror.url.origin + single.path)).seconds);
    await settled(mirror.url.origin + single.path);
    const { path, digest, manifest } = publish(contenders, LAYER_BYTES);
    const counted = hub.pulls(REPOSITORY);
    const startedAt = performance.now();
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        await download(mirror.url.origin + manifest);
        await download(mirror.url.origin + path);
      }),
    );
    last.push((performance.now() - startedAt) / 1000);
    bytes.push((hub.bytesSent.get(digest) ?? 0) / LAYER_BYTES);
    pulls.push(hub.pulls(REPOSITORY) - counted);
    await settled(mirror.url.origin + path);
  }
  const ratio = median(last) / median(alone);
  const what = `${CLIENTS} clients on a cold image of 500 MB, ${line}`;
  return [
    {
      measure: what,
      unit: "s for the last",
      values: { Tidepool: median(last), "Tidepool, one client alone": median(alone) },
      goal: { text: "at most 1.3 × one client alone", met: ratio <= 1.3 },
    },
    {
      measure: "the same: downloads",
      unit: "times",
      values: { Tidepool: median(bytes), "counted pulls": median(pulls) },
      goal: {
        text: "at most 1.05, and one counted pull",
        met: median(bytes) <= 1.05 && median(pulls) === 1,
      },
    },
  ];
}

/** 20 clients on one layer of 1 GB, each at another speed. */
async function measureMemory(contenders: Contenders): Promise<Row[]> {
  const { mirror, pid } = contenders;
  const before = residentMb(pid);
  const { path } = publish(contenders, GB);
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, residentMb(pid));
  }, 100);
  await Promise.all(
    Array.from({ length: 20 }, (_, place) =>
      download(mirror.url.origin + path, { bytesPerSecond: (40 + place * 20) * MB }),
    ),
  );
  clearInterval(watch);
  return [
    {
      measure: "memory that 20 clients of different speeds on a cold layer of 1 GB add",
      unit: "MB",
      values: { Tidepool: peak - before, "before that": before },
      goal: { text: "under 128 MB, the store's share included", met: peak - before < 128 },
    },
  ];
}

function publish(
  { hub }: Contenders,
  bytes: number,
): { readonly path: string; readonly manifest: string; readonly digest: string } {
  const blob = syntheticContent(bytes);
  const image = createImage([blob]);
  hub.push(REPOSITORY, "1", image);
  return {
    path: `/v2/${REPOSITORY}/blobs/${blob.digest}`,
    manifest: `/v2/${REPOSITORY}/manifests/${image.manifest.content.digest}`,
    digest: blob.digest,
  };
}

/** Asks the upstream as a client without a mirror does: a token, the registry, its redirect. */
async function downloadDirectly({ hub }: Contenders, path: string) {
  const scope = `repository:${REPOSITORY}:pull`;
  const answer = await fetch(
    `${hub.origins.token}/token?service=registry.docker.io&scope=${scope}`,
  );
  const { token } = (await answer.json()) as { token: string };
  return await download(hub.url + path, { headers: [`Authorization: Bearer ${token}`] });
}
