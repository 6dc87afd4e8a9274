import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Image } from "../helpers/images.ts";

/**
 * Hashes an image's blobs in an OCI image layout.
 *
 * @returns the digests of what is not there or is not what its name says
 * @see OCI image spec, "Image Layout Specification"
 */
export async function findWrongBlobs(layout: string, image: Image): Promise<string[]> {
  const wrong: string[] = [];
  for (const { digest } of [image.manifest.content, ...image.blobs]) {
    const hex = digest.replace("sha256:", "");
    const bytes = await readFile(join(layout, "blobs/sha256", hex)).catch(() => Buffer.alloc(0));
    if (createHash("sha256").update(bytes).digest("hex") !== hex) wrong.push(digest);
  }
  return wrong;
}
