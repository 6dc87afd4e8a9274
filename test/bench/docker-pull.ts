import { join } from "node:path";
import { startDockerd } from "../clients/daemons.ts";
import { buildLayeredImage } from "../clients/images.ts";
import type { Contenders } from "./contenders.ts";
import { type Row, type Target, compare } from "./measure.ts";

const RUNS = 5;
const LAYERS = 10;
const LAYER_BYTES = 5_000_000;
const IMAGE = "library/layered:1";

/** `docker pull` of an image that both mirrors have, by a real dockerd for each. */
export async function measureDockerPull(contenders: Contenders): Promise<Row[]> {
  const { hub, folder, proxies } = contenders;
  hub.push("library/layered", "1", await buildLayeredImage(LAYERS, LAYER_BYTES));
  const daemons = new Map<Target, Awaited<ReturnType<typeof startDockerd>>>();
  try {
    for (const [place, target] of proxies.entries()) {
      const flags = [`--registry-mirror=${target.origin}`, "--max-concurrent-downloads=3"];
      const daemon = await startDockerd(join(folder, `dockerd-${place}`), flags);
      daemons.set(target, daemon);
      await daemon.docker("pull", "-q", IMAGE);
    }
    const values = await compare(proxies, RUNS, async (target) => {
      const daemon = daemons.get(target);
      if (daemon === undefined) throw new Error("no daemon");
      await daemon.docker("rmi", "-f", IMAGE);
      const startedAt = performance.now();
      await daemon.docker("pull", "-q", IMAGE);
      return (performance.now() - startedAt) / 1000;
    });
    const { Tidepool: ours = 0, "docker-registry as a proxy": theirs = 0 } = values;
    const goal = { text: "at most 1.0 × docker-registry as a proxy", met: ours <= theirs };
    return [{ measure: `docker pull of ${LAYERS} layers, warm`, unit: "s", values, goal }];
  } finally {
    for (const daemon of daemons.values()) await daemon.stop();
  }
}
