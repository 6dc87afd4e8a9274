import { join } from "node:path";
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import type { LocalOptions } from "./arguments.ts";
import { bundleWorker } from "./bundle.ts";
import { createKeeper } from "./keeper.ts";
import { freePort } from "./port.ts";

/** A mirror that runs on this machine. */
export interface LocalMirror {
  readonly url: URL;
  /** Lets open answers end, closes the port, and leaves the data in order. */
  readonly stop: () => Promise<void>;
  /** Does what the cron trigger does where the Worker is deployed. */
  readonly runScheduled: () => Promise<void>;
}

/** As in wrangler.toml: a test compares what both start. */
const COMPATIBILITY_DATE = "2026-10-15";

/**
 * Miniflare's R2 hashes every byte in JavaScript, and the buffers wait for a collection: with V8's usual young
 * generation a 1 GB fill takes workerd from 100 to 360 MB, with this one it grows by about 25 MB.
 */
const V8_FLAGS = "--max-semi-space-size=1";

/** What the Worker is started with where it is not what `npm start` has. */
export interface MirrorParts {
  /** The bundled Worker. */
  readonly script?: Promise<string>;
  /** Where blobs are: `files` in a folder, or `r2` as where the Worker is deployed, in Miniflare's stand-in for it. */
  readonly blobs?: "files" | "r2";
}

/**
 * Starts the real Worker on workerd, with its Durable Objects, bucket and files kept under `options.data`.
 *
 * Clients speak to workerd itself: Miniflare's own entry Worker in front of it costs two thirds of the throughput.
 * Nothing but the upstream is asked over the network: no telemetry, no look-up of `Request.cf`.
 */
export async function startMirror(
  options: LocalOptions,
  { script = bundleWorker(), blobs = "files" }: MirrorParts = {},
): Promise<LocalMirror> {
  const { host, data } = options;
  const port = options.port === 0 ? await freePort(host) : options.port;
  process.env["MINIFLARE_WORKERD_V8_FLAGS"] ??= V8_FLAGS;
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "tidepool",
      modules: true,
      script: await script,
      compatibilityDate: COMPATIBILITY_DATE,
      bindings: { LOCAL: "1", ...options.variables },
      r2Buckets: { STORE: "tidepool" },
      durableObjects: {
        MANIFEST_GATE: { className: "ManifestGateObject", useSQLite: true },
        BLOB_FILL: { className: "BlobFillObject", useSQLite: true },
        LEDGER: { className: "LedgerObject", useSQLite: true },
        INVENTORY: { className: "InventoryObject", useSQLite: true },
      },
      serviceBindings: blobs === "files" ? await createDisk(join(data, "files")) : {},
      unsafeDirectSockets: [{ host, port }],
      defaultPersistRoot: data,
      resourcePersistencePath: data,
      // Miniflare's own port, unused but needed; never the user's.
      host: "127.0.0.1",
      port: 0,
      cf: false,
      telemetry: { enabled: false },
      logRequests: false,
      log: new Log(LogLevel.WARN),
    }),
  );
  await miniflare.ready;
  const shown = host.includes(":") ? `[${host}]` : host;
  return {
    url: new URL(`http://${shown}:${port}`),
    stop: () => miniflare.dispose(),
    async runScheduled() {
      const { outcome } = await (await miniflare.getWorker()).scheduled();
      if (outcome !== "ok") throw new Error(`the scheduled event ended with ${outcome}`);
    },
  };
}

/** The folder's two sides, by the names of their bindings. */
async function createDisk(path: string) {
  const KEEPER = await createKeeper(path);
  return { DISK: { disk: { path, writable: true } }, KEEPER };
}
