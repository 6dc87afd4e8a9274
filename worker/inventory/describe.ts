import { readManifest } from "../oci/manifest.ts";
import type { StoredManifest } from "../store/store.ts";
import type { KnownManifest } from "./inventory.ts";

/** Reads from a manifest's bytes what the inventory keeps of it. Bytes that are no manifest name nothing. */
export function describeManifest(manifest: StoredManifest): KnownManifest {
  const { digest, mediaType, bytes } = manifest;
  const content = readManifest(new TextDecoder().decode(bytes), mediaType);
  const named = [...(content?.manifests ?? []), ...(content?.blobs ?? [])];
  return {
    digest,
    size: bytes.byteLength,
    names: named.map((descriptor) => descriptor.digest),
    subject: content?.subject?.digest ?? null,
  };
}
