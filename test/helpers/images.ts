import { createHash, randomBytes } from "node:crypto";

/** Bytes that can be read at any offset, so that a test needs no gigabyte in memory. */
export interface Content {
  readonly digest: string;
  readonly size: number;
  read(first: number, length: number): Buffer;
}

/** Content held in memory. */
export function contentOf(bytes: Buffer | string): Content {
  const buffer = Buffer.from(bytes);
  const digest = `sha256:${createHash("sha256").update(buffer).digest("hex")}`;
  return {
    digest,
    size: buffer.byteLength,
    read: (first, length) => buffer.subarray(first, first + length),
  };
}

/** Random-looking content of any size: one random block, repeated. */
export function syntheticContent(size: number): Content {
  const block = randomBytes(Math.min(size, 1024 * 1024) || 1);
  const doubled = Buffer.concat([block, block]);
  const read = (first: number, length: number): Buffer => {
    const parts: Buffer[] = [];
    for (let offset = first; offset < first + length;) {
      const start = offset % block.byteLength;
      const taken = Math.min(first + length - offset, block.byteLength);
      parts.push(doubled.subarray(start, start + taken));
      offset += taken;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  };
  const hash = createHash("sha256");
  for (let offset = 0; offset < size; offset += block.byteLength)
    hash.update(read(offset, Math.min(block.byteLength, size - offset)));
  return { digest: `sha256:${hash.digest("hex")}`, size, read };
}

export const TYPES = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
};

/** A manifest with the media type it is served under. */
export interface Manifest {
  readonly mediaType: string;
  readonly content: Content;
}

/** An image: one manifest, its config and layers. */
export interface Image {
  readonly manifest: Manifest;
  readonly blobs: readonly Content[];
}

/** Makes an image of the given layers; its config is unique, so two images never share a digest by accident. */
export function createImage(layers: readonly Content[], mediaType = TYPES.dockerManifest): Image {
  const config = contentOf(
    JSON.stringify({ architecture: "amd64", os: "linux", id: randomBytes(8).toString("hex") }),
  );
  const body = {
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: "application/vnd.docker.container.image.v1+json",
      size: config.size,
      digest: config.digest,
    },
    layers: layers.map(({ size, digest }) => ({
      mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
      size,
      digest,
    })),
  };
  // Odd spacing on purpose: a cache that re-encodes what it parsed would change the digest.
  const content = contentOf(`${JSON.stringify(body, null, 3)}\n`);
  return { manifest: { mediaType, content }, blobs: [config, ...layers] };
}

/** Makes an index of images. */
export function createIndex(images: readonly Image[], mediaType = TYPES.ociIndex): Manifest {
  const manifests = images.map(({ manifest }, position) => ({
    mediaType: manifest.mediaType,
    digest: manifest.content.digest,
    size: manifest.content.size,
    platform: { os: "linux", architecture: ["amd64", "arm64", "s390x"][position] ?? "386" },
  }));
  return {
    mediaType,
    content: contentOf(JSON.stringify({ schemaVersion: 2, mediaType, manifests })),
  };
}
