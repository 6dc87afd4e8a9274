import { type Digest, parseDigest } from "./digest.ts";
import { MEDIA_TYPE, OCI_ARTIFACT, parseManifestType } from "./media-type.ts";

/** 4 MiB: what the spec asks registries to accept, and what containerd refuses to exceed. */
export const MAX_MANIFEST_BYTES: number = 4 * 1024 * 1024;

/** A pointer from a manifest to content. @see OCI image spec v1.1, "Content Descriptors" */
export interface Descriptor {
  readonly digest: Digest;
  readonly size: number;
  readonly mediaType: string;
}

/** What a manifest names, read leniently: what is not understood is left out, never refused. */
export interface ManifestContent {
  /** `index` names other manifests, `image` names blobs. */
  readonly kind: "index" | "image";
  readonly mediaType: string;
  /** The manifests of an index. */
  readonly manifests: readonly Descriptor[];
  /** Config and layers of an image, or the blobs of an artifact: what its registry has checked to be in the repository. */
  readonly blobs: readonly Descriptor[];
  /** The manifest that this one was made for, as a signature is. @see OCI image spec v1.1, "Image Manifest" */
  readonly subject: Descriptor | null;
}

/**
 * Reads what a manifest's bytes name. Its `mediaType` is optional in OCI manifests; the kind follows from the fields.
 *
 * @param contentType - the upstream's `Content-Type`, used where the body carries no `mediaType`
 * @returns `null` where the bytes are no JSON object
 */
export function readManifest(text: string, contentType: string | null): ManifestContent | null {
  const body = parseObject(text);
  if (body === null) return null;
  const manifests = readDescriptors(body["manifests"]);
  const kind = Array.isArray(body["manifests"]) ? "index" : "image";
  const written =
    typeof body["mediaType"] === "string" ? parseManifestType(body["mediaType"]) : null;
  const sent = contentType === null ? null : parseManifestType(contentType);
  const fallback = kind === "index" ? MEDIA_TYPE.ociIndex : MEDIA_TYPE.ociManifest;
  const generic = sent === null || sent === "application/json";
  const mediaType = generic ? (written ?? fallback) : sent;
  const [subject = null] = readDescriptors([body["subject"]]);
  return { kind, mediaType, manifests, blobs: readBlobs(body, mediaType), subject };
}

/**
 * Reads the blobs that a manifest of its type has. A registry looks at no other field when it is pushed, so anything
 * could stand there: the digest of somebody else's layer.
 */
function readBlobs(body: Record<string, unknown>, mediaType: string): Descriptor[] {
  switch (mediaType) {
    case MEDIA_TYPE.ociIndex:
    case MEDIA_TYPE.dockerManifestList:
      return [];
    case OCI_ARTIFACT:
      return readDescriptors(body["blobs"]);
    default:
      return [...readDescriptors([body["config"]]), ...readDescriptors(body["layers"])];
  }
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function readDescriptors(value: unknown): Descriptor[] {
  if (!Array.isArray(value)) return [];
  const found: Descriptor[] = [];
  for (const item of value as unknown[]) {
    if (typeof item !== "object" || item === null) continue;
    const { digest, size, mediaType, urls } = item as Record<string, unknown>;
    // Foreign content lies elsewhere: a registry takes such a pointer without having what it points at.
    if (Array.isArray(urls) && urls.length > 0) continue;
    const parsed = typeof digest === "string" ? parseDigest(digest) : null;
    if (parsed === null || typeof size !== "number" || !Number.isSafeInteger(size)) continue;
    found.push({ digest: parsed, size, mediaType: typeof mediaType === "string" ? mediaType : "" });
  }
  return found;
}
