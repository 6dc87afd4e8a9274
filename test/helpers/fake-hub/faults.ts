/** How a server fails a request before it answers. `null`: not at all. */
export type Outage =
  | null
  /** Docker Hub's pull limit. */
  | "429"
  | "500"
  | "503"
  /** The connection is closed without a byte. */
  | "reset"
  /** The connection stays open and silent. */
  | "hang"
  /** Any other status, with the body that a registry sends with it. */
  | number;

/** What the stand-in does wrong at the moment; tests set it at will. */
export interface Faults {
  /** Of the registry itself: manifests, blob redirects, lists. */
  registry: Outage;
  /** Of the registry, for those alone who come without an account. */
  anonymous: Outage;
  token: Outage;
  cdn: Outage;
  /** Blob answers are cut after this many bytes of body, as often as `times` says. */
  cut: { afterBytes: number; times: number } | null;
  /** Blob answers go silent after this many bytes, as often as `times` says. */
  stall: { afterBytes: number; times: number } | null;
  /** Blobs come with one byte changed. */
  corruptBlobs: boolean;
  /** Manifests come with one byte changed. */
  corruptManifests: boolean;
  /** The CDN answers 200 with everything, whatever range is asked for. */
  ignoreRange: boolean;
  /** The CDN sends blobs with `Content-Encoding: gzip`, as a misconfigured one does. */
  gzip: boolean;
  /** Bytes per second and connection of the CDN; `null` as fast as it goes. */
  bytesPerSecond: number | null;
  /** Signed blob URLs are refused once this many requests were made with them. */
  urlUses: number | null;
  /** Where blob requests are redirected in place of the CDN. */
  redirectTo: string | null;
  /** Lists name their next page at this origin. */
  linkTo: string | null;
  /** The registry names this realm in place of its own. */
  realm: string | null;
  /** HEAD answers carry no digest, as some registries' do. */
  headWithoutDigest: boolean;
  /** Milliseconds before anything is answered. */
  delayMs: number;
  /** Manifests end, with their connection, after this many bytes. */
  cutRegistry: number | null;
  /** The CDN's `Content-Length` is off by this many bytes: the body ends too soon or goes on too long. */
  lengthOff: number;
  /** Blob requests are redirected to themselves. */
  redirectLoop: boolean;
  /** A token is refused once this many requests were made with it. */
  tokenUses: number | null;
}

/** Nothing wrong. */
export function noFaults(): Faults {
  return {
    registry: null,
    anonymous: null,
    token: null,
    cdn: null,
    cut: null,
    stall: null,
    corruptBlobs: false,
    corruptManifests: false,
    ignoreRange: false,
    gzip: false,
    bytesPerSecond: null,
    urlUses: null,
    redirectTo: null,
    linkTo: null,
    realm: null,
    headWithoutDigest: false,
    delayMs: 0,
    cutRegistry: null,
    lengthOff: 0,
    redirectLoop: false,
    tokenUses: null,
  };
}
