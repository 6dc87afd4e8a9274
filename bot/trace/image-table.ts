import { type Digest, parseDigest } from "../../worker/oci/digest.ts";
import { type ImageReference, parseImageReference } from "../../worker/oci/reference.ts";
import type { ShownText } from "./display.ts";
import { own, quote } from "./evidence.ts";
import type { Evidence, PullLayer, PullTool, TraceImage, Transfer } from "./trace.ts";

/** More distinct images than any real job has: a hostile log must not fill the memory. */
const MAX_IMAGES = 1000;
const MAX_EVIDENCE = 4;

const STRENGTH: Readonly<Record<Transfer, number>> = {
  named: 0,
  failed: 1,
  cached: 2,
  local: 3,
  asked: 4,
  downloaded: 5,
};

/** One line's word on one image. */
export interface Sighting {
  readonly layer: PullLayer;
  readonly tool: PullTool;
  readonly written: string;
  readonly transfer: Transfer;
  readonly shown: ShownText;
  readonly digest?: Digest | null;
  /** Where `written` is a bare repository, which would be read as its `latest`. */
  readonly reference?: ImageReference;
  readonly via?: string;
  /** Whether this line proves that Docker Hub itself was asked. */
  readonly bypass?: boolean;
}

/** The last word counts between failing and trying again; otherwise what is known for certain stays. */
function stronger(known: Transfer, sighting: Sighting): Transfer {
  const { transfer, digest } = sighting;
  if (transfer === "failed" && known === "asked") return "failed";
  // The runner's result line is how a pull that failed at first is known to have succeeded.
  if (known === "failed" && transfer === "named" && (digest ?? null) !== null) return "asked";
  return STRENGTH[transfer] > STRENGTH[known] ? transfer : known;
}

type Row = { -readonly [Key in keyof TraceImage]: TraceImage[Key] } & { evidence: Evidence[] };

/** Gathers sightings into images: one for each layer, tool and name, and one more where a name came at two digests. */
export class ImageTable {
  readonly #rows = new Map<string, Row>();
  truncated = false;

  get images(): TraceImage[] {
    return [...this.#rows.values()];
  }

  /** Notes a sighting. What is no image name, an unexpanded variable for one, is passed over in silence. */
  saw(sighting: Sighting): void {
    const reference = sighting.reference ?? parseImageReference(sighting.written);
    if (reference === null) return;
    const digest = sighting.digest ?? reference.digest;
    const row = this.#row(sighting, reference, digest);
    if (row === null) return;
    row.digest ??= digest === null ? null : parseDigest(own(digest));
    row.via ??= sighting.via === undefined ? null : own(sighting.via);
    row.transfer = stronger(row.transfer, sighting);
    const evidence = quote(sighting.shown);
    if (sighting.bypass === true) row.bypass ??= evidence;
    const last = row.evidence.at(-1);
    if (last?.line === evidence.line && last.text === evidence.text) return;
    if (row.evidence.length < MAX_EVIDENCE) row.evidence.push(evidence);
    // The strongest word on an image comes late in its block: keep the newest line in the last place.
    else if (sighting.transfer === row.transfer) row.evidence[MAX_EVIDENCE - 1] = evidence;
  }

  #row(sighting: Sighting, reference: ImageReference, digest: Digest | null): Row | null {
    const { layer, tool } = sighting;
    const name = `${layer} ${tool} ${reference.registry}/${reference.repository}`;
    const key = `${name}:${reference.tag ?? ""}`;
    for (const candidate of [key, `${key}@${digest ?? ""}`]) {
      const row = this.#rows.get(candidate);
      if (row !== undefined && (row.digest === null || digest === null || row.digest === digest))
        return row;
    }
    if (this.#rows.size >= MAX_IMAGES) {
      this.truncated = true;
      return null;
    }
    const written = own(sighting.written);
    const row: Row = {
      layer,
      tool,
      written,
      // Parsed again from the copy: the first reading's parts are slices of the log's chunk.
      reference: sighting.reference ?? parseImageReference(written) ?? reference,
      digest: null,
      transfer: sighting.transfer,
      via: null,
      bypass: null,
      evidence: [],
    };
    this.#rows.set(this.#rows.has(key) ? `${key}@${digest ?? ""}` : key, row);
    return row;
  }

  /** Marks every image of a repository that this tool wanted as having been asked of Docker Hub itself. */
  bypassed(tool: PullTool, repository: string, shown: ShownText): boolean {
    let found = false;
    for (const row of this.#rows.values()) {
      if (row.tool !== tool || row.layer !== "job") continue;
      if (row.reference.registry !== "docker.io" || row.reference.repository !== repository)
        continue;
      const evidence = quote(shown);
      row.bypass ??= evidence;
      if (row.evidence.length < MAX_EVIDENCE) row.evidence.push(evidence);
      found = true;
    }
    return found;
  }
}
