import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../worker/local/port.ts";
import { type Running, end, startRegistry, until } from "../clients/daemons.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import type { Content, Image } from "../helpers/images.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import { type Target, workerdProcesses } from "./measure.ts";

const NGINX = "/usr/sbin/nginx";
const PIECE = 8 * 1024 * 1024;

/** All that is measured side by side, on the same images. */
export interface Contenders {
  readonly hub: FakeHub;
  readonly folder: string;
  readonly mirror: TestMirror;
  /** workerd's process. */
  readonly pid: number;
  /** This mirror, and docker-registry as what teams run in its place. */
  readonly proxies: readonly [Target, Target];
  /** docker-registry with the images pushed to it, and nginx with their files; absent where nginx is not installed. */
  readonly plain: Target;
  readonly files: Target | null;
  /** Gives an image to Docker Hub's stand-in, the plain registry and nginx. */
  publish(repository: string, tag: string, image: Image): Promise<void>;
  stop(): Promise<void>;
}

/** Starts them. */
export async function startContenders(): Promise<Contenders> {
  const folder = await mkdtemp(join(tmpdir(), "tidepool-bench-"));
  const hub = await startFakeHub();
  const others = new Set(workerdProcesses());
  const mirror = await startTestMirror({ UPSTREAM: hub.url }, { blobs: "files" });
  const pid = workerdProcesses().find((one) => !others.has(one));
  if (pid === undefined) throw new Error("workerd is not there");
  const proxy = await startRegistry(join(folder, "proxy"), hub.url);
  const plain = await startRegistry(join(folder, "plain"));
  const files = existsSync(NGINX) ? await startNginx(join(folder, "nginx")) : null;
  return {
    hub,
    folder,
    mirror,
    pid,
    proxies: [
      { name: "Tidepool", origin: mirror.url.origin },
      { name: "docker-registry as a proxy", origin: proxy.url },
    ],
    plain: { name: "docker-registry, pushed to", origin: plain.url },
    files: files === null ? null : { name: "nginx", origin: files.url },
    async publish(repository, tag, image) {
      hub.push(repository, tag, image);
      await push(plain.url, { repository, tag, image });
      if (files === null) return;
      for (const content of [image.manifest.content, ...image.blobs])
        await writeContent(join(folder, "nginx/files", content.digest), content);
    },
    async stop() {
      await mirror.stop();
      for (const running of [proxy, plain, files]) await running?.stop();
      await hub.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** @see OCI distribution spec v1.1.1, "Push": a blob by POST and PUT, then the manifest */
async function push(
  origin: string,
  what: { readonly repository: string; readonly tag: string; readonly image: Image },
): Promise<void> {
  const { repository, tag, image } = what;
  for (const blob of image.blobs) {
    const begun = await fetch(`${origin}/v2/${repository}/blobs/uploads/`, { method: "POST" });
    const location = new URL(begun.headers.get("location") ?? "", origin);
    location.searchParams.set("digest", blob.digest);
    await put(location, blob, "application/octet-stream");
  }
  const manifest = new URL(`${origin}/v2/${repository}/manifests/${tag}`);
  await put(manifest, image.manifest.content, image.manifest.mediaType);
}

async function put(url: URL, content: Content, type: string): Promise<void> {
  const headers = { "Content-Type": type, "Content-Length": String(content.size) };
  const body = ReadableStream.from(pieces(content));
  const response = await fetch(url, { method: "PUT", headers, body, duplex: "half" });
  if (!response.ok) throw new Error(`a push was answered ${response.status}`);
}

async function writeContent(path: string, content: Content): Promise<void> {
  const file = await open(path, "w");
  for (const piece of pieces(content)) await file.write(piece);
  await file.close();
}

function* pieces(content: Content): Generator<Buffer> {
  for (let first = 0; first < content.size; first += PIECE)
    yield content.read(first, Math.min(PIECE, content.size - first));
}

async function startNginx(folder: string): Promise<Running> {
  await mkdir(join(folder, "files"), { recursive: true });
  const port = await freePort("127.0.0.1");
  const config = `daemon off; worker_processes 1; pid ${join(folder, "pid")}; error_log stderr crit;
user root;
events {}
http { sendfile on; access_log off; keepalive_requests 1000000000;
  server { listen 127.0.0.1:${port}; root ${join(folder, "files")}; } }
`;
  await writeFile(join(folder, "nginx.conf"), config);
  const child = spawn(NGINX, ["-p", folder, "-c", join(folder, "nginx.conf")], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  await until("nginx", async () => (await fetch(url)).status > 0);
  return { url, stop: () => end(child) };
}
