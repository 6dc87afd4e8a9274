import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import type { LocalOptions } from "./arguments.ts";
import { bundleWorker } from "./bundle.ts";
import { freePort } from "./port.ts";

/** A mirror that runs on this machine. */
export interface LocalMirror {
  readonly url: URL;
  /** Lets open answers end, closes the port, and leaves the data in order. */
  readonly stop: () => Promise<void>;
}

/** As in wrangler.toml; a test holds them together. */
export const COMPATIBILITY_DATE = "2026-10-15";

/**
 * Starts the real Worker on workerd, with R2 and Durable Objects kept under `options.data`.
 *
 * Clients speak to workerd itself: Miniflare's own entry Worker in front of it costs two thirds of the throughput.
 * Nothing but the upstream is asked over the network: no telemetry, no look-up of `Request.cf`.
 */
export async function startMirror(options: LocalOptions): Promise<LocalMirror> {
  const { host, data } = options;
  const port = options.port === 0 ? await freePort(host) : options.port;
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "tidepool",
      modules: true,
      script: await bundleWorker(),
      compatibilityDate: COMPATIBILITY_DATE,
      bindings: { ...options.variables },
      r2Buckets: { STORE: "tidepool" },
      durableObjects: {
        MANIFEST_GATE: { className: "ManifestGateObject", useSQLite: true },
        BLOB_FILL: { className: "BlobFillObject", useSQLite: true },
      },
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
  return { url: new URL(`http://${shown}:${port}`), stop: () => miniflare.dispose() };
}
