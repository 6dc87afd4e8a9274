import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { type Content, type Image, TYPES, contentOf } from "../helpers/images.ts";

const run = promisify(execFile);

interface Layer {
  readonly content: Content;
  /** Of the tar before compression, as the config names it. */
  readonly diffId: string;
}

/** Where Debian's busybox-static keeps its program. */
export const BUSYBOX = "/bin/busybox";

/**
 * Builds an image that a container can be run from: busybox, a layer that is large enough to be filled by chunks, and
 * a small one.
 */
export async function buildImage(largeLayerBytes: number): Promise<Image> {
  const layers = await Promise.all([
    packLayer(async (root) => {
      await mkdir(join(root, "bin"));
      await copyFile(BUSYBOX, join(root, "bin/busybox"));
      await chmod(join(root, "bin/busybox"), 0o755);
      for (const name of ["sh", "echo", "cat", "sha256sum"])
        await symlink("busybox", join(root, "bin", name));
    }),
    packLayer((root) => writeFile(join(root, "large"), randomBytes(largeLayerBytes))),
    packLayer((root) => writeFile(join(root, "greeting"), "served by the tide\n")),
  ]);
  return assemble(layers);
}

/** Builds an image of so many layers, each with one file of random bytes. */
export async function buildLayeredImage(count: number, layerBytes: number): Promise<Image> {
  const layers: Layer[] = [];
  for (let number = 0; number < count; number += 1)
    layers.push(
      await packLayer((root) => writeFile(join(root, `file-${number}`), randomBytes(layerBytes))),
    );
  return assemble(layers);
}

function assemble(layers: readonly Layer[]): Image {
  const config = contentOf(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Cmd: ["cat", "/greeting"], Env: ["PATH=/bin"] },
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      history: layers.map(() => ({ created_by: "test" })),
    }),
  );
  const manifest = contentOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: TYPES.dockerManifest,
      config: {
        mediaType: "application/vnd.docker.container.image.v1+json",
        size: config.size,
        digest: config.digest,
      },
      layers: layers.map(({ content }) => ({
        mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
        size: content.size,
        digest: content.digest,
      })),
    }),
  );
  return {
    manifest: { mediaType: TYPES.dockerManifest, content: manifest },
    blobs: [config, ...layers.map(({ content }) => content)],
  };
}

async function packLayer(fill: (root: string) => Promise<void>): Promise<Layer> {
  const root = await mkdtemp(join(tmpdir(), "layer-"));
  try {
    const files = join(root, "files");
    await mkdir(files);
    await fill(files);
    const tar = join(root, "layer.tar");
    await run("tar", ["-C", files, "--owner=0", "--group=0", "-cf", tar, "."]);
    const bytes = await readFile(tar);
    const diffId = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    return { content: contentOf(gzipSync(bytes, { level: 1 })), diffId };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
