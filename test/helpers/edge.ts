import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { startMirror } from "../../worker/local/mirror.ts";

/** What one request is like. */
export interface Asked {
  readonly method?: string;
  /** Sent as it is: nothing is normalised. */
  readonly path: string;
  /** In front of the mirror's own host: `<label>.mirror.example.com`. */
  readonly label?: string;
  readonly address?: string;
  readonly scheme?: "http" | "https";
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A line of the Worker's log. */
interface LogLine {
  readonly message: string;
  readonly [field: string]: string | number | null;
}

/** A mirror behind the stand-in for an edge. */
export interface EdgeMirror {
  readonly url: URL;
  ask(asked: Asked | string): Promise<Answer>;
  /** What the Worker logged since this was last asked, parsed. */
  log(): Promise<LogLine[]>;
  stop(): Promise<void>;
}

/** Starts the Worker as deployed, with nothing of `npm start` about it. */
export async function startEdgeMirror(variables: Record<string, string>): Promise<EdgeMirror> {
  const data = await mkdtemp(join(tmpdir(), "tidepool-edge-"));
  const options = { host: "127.0.0.1", port: 0, data, variables: { LOCAL: "", ...variables } };
  const mirror = await startMirror(options, { script: bundleEdge(), blobs: "r2" });
  const { url } = mirror;
  const ask = (asked: Asked | string): Promise<Answer> =>
    send(url, typeof asked === "string" ? { path: asked } : asked);
  return {
    url,
    ask,
    async log() {
      const lines = JSON.parse((await ask("/edge/log")).body) as string[];
      return lines.map((line) => JSON.parse(line) as LogLine);
    },
    async stop() {
      await mirror.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}

async function bundleEdge(): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL("edge-worker.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:workers"],
    write: false,
    logLevel: "silent",
  });
  return result.outputFiles[0]?.text ?? "";
}

/** `fetch` would normalise the path and keep the Host header to itself. */
function send(url: URL, asked: Asked): Promise<Answer> {
  const { method = "GET", path, label, address, scheme, body } = asked;
  const host = label === undefined ? "mirror.example.com" : `${label}.mirror.example.com`;
  const headers = {
    host,
    ...(address === undefined ? {} : { "x-edge-address": address }),
    ...(scheme === undefined ? {} : { "x-edge-scheme": scheme }),
    ...asked.headers,
  };
  return new Promise((resolve, reject) => {
    const { hostname, port } = url;
    const sent = request({ hostname, port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString("latin1"),
        }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
