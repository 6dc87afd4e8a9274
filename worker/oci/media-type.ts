/** Media types of the manifests a mirror meets. @see OCI image spec v1.1, "Media Types" */
export const MEDIA_TYPE = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  dockerManifestList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
} as const;

/** Of the image spec's 1.1 drafts alone, and not asked for by name; there are artifacts of it still. */
export const OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json";

/**
 * What the mirror asks an upstream for, whoever asks the mirror: the cache is shared.
 *
 * The wildcard comes last and weak, so that artifact types nobody listed are had too, while a registry that would
 * convert to schema 1 for an old client sees that this one knows schema 2.
 */
export const MANIFEST_ACCEPT: string = [...Object.values(MEDIA_TYPE), "*/*;q=0.1"].join(", ");

/**
 * A manifest's media type; `null` where it is none that a manifest can have.
 *
 * What an upstream says is answered from the mirror's own origin: as `text/html` or `application/xhtml+xml` a manifest
 * would be a page of the mirror's, with the session of whoever opens it.
 */
export function parseManifestType(header: string): string | null {
  const type = parseMediaType(header);
  return type !== null && /^application\/(?:[^/]+\+)?(?:json|prettyjws)$/.test(type) ? type : null;
}

/** A `type/subtype` without parameters, in lower case; `null` where the header is no media type. */
export function parseMediaType(header: string): string | null {
  const type = header.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/.test(type)
    ? type
    : null;
}
