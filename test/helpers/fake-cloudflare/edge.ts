import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { freePort } from "../../../worker/local/port.ts";
import type { FakeCloudflare } from "./cloudflare.ts";
import type { Version } from "./state.ts";

/** Where deployed versions answer, at an address that stays. */
export interface Edge {
  readonly url: string;
  /** For how long the version before goes on answering after a deployment; at Cloudflare it is seconds. */
  lateMs: number;
  close(): Promise<void>;
}

/**
 * Runs what was uploaded, with what was bound to it: each deployment takes the place of the last.
 *
 * @param changes - variables that lead to this machine what would lead to Docker Hub
 */
export async function startEdge(
  cloudflare: FakeCloudflare,
  changes: Readonly<Record<string, string>>,
): Promise<Edge> {
  const port = await freePort("127.0.0.1");
  let running: Miniflare | null = null;
  let switching = Promise.resolve();
  const edge = { url: `http://127.0.0.1:${port}`, lateMs: 0, close };
  const put = async (version: Version): Promise<void> => {
    await running?.dispose();
    running = run(version, { port, changes });
    await running.ready;
  };
  async function close(): Promise<void> {
    await switching;
    await running?.dispose();
  }
  cloudflare.edge = async (version) => {
    const before = switching;
    const { lateMs } = edge;
    switching = (async () => {
      await before;
      if (lateMs > 0) await new Promise((resolve) => setTimeout(resolve, lateMs));
      await put(version);
    })();
    if (lateMs === 0) await switching;
  };
  return edge;
}

function run(
  { id, bindings, code, metadata }: Version,
  { port, changes }: { readonly port: number; readonly changes: Readonly<Record<string, string>> },
): Miniflare {
  const named = (type: string) => bindings.filter((binding) => binding.type === type);
  const texts = [...named("plain_text"), ...named("secret_text")];
  const objects = named("durable_object_namespace");
  return new Miniflare(
    convertV4MiniflareOptions({
      name: "deployed",
      modules: true,
      script: code,
      compatibilityDate: metadata.compatibility_date,
      bindings: {
        ...Object.fromEntries(texts.map(({ name, text = "" }) => [name, text])),
        ...Object.fromEntries(
          named("version_metadata").map(({ name }) => [name, { id, tag: "", timestamp: "" }]),
        ),
        ...changes,
      },
      r2Buckets: Object.fromEntries(
        named("r2_bucket").map(({ name, bucket_name: bucket = "" }) => [name, bucket]),
      ),
      durableObjects: Object.fromEntries(
        objects.map(({ name, class_name: className = "" }) => [
          name,
          { className, useSQLite: true },
        ]),
      ),
      unsafeDirectSockets: [{ host: "127.0.0.1", port }],
      host: "127.0.0.1",
      port: 0,
      cf: false,
      telemetry: { enabled: false },
      logRequests: false,
    }),
  );
}
