import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error-code.ts";
import { formatContentRange, parseRange, resolveRange } from "../oci/range.ts";
import type { RepositoryPath } from "../oci/path.ts";
import { type ServedBlob, UnsatisfiableRange, openBlob, statBlob } from "../proxy/blob.ts";
import { entityTag, isNotModified, isRangeWanted } from "./conditional.ts";
import { type RouteDeps, clientOf, findRepository } from "./context.ts";

interface BlobPath extends RepositoryPath {
  readonly digest: Digest;
}

/**
 * `GET` and `HEAD /v2/<name>/blobs/<digest>`, with one byte range.
 *
 * @see OCI distribution spec v1.1.1, "Pulling blobs" (end-2)
 */
export async function getBlob(
  deps: RouteDeps,
  request: Request,
  path: BlobPath,
): Promise<Response> {
  if (request.method === "HEAD" || isNotModified(request, path.digest))
    return await headBlob(deps, request, path);
  const { digest } = path;
  const range = isRangeWanted(request, digest) ? parseRange(request.headers.get("Range")) : null;
  try {
    const found = findRepository(deps, path);
    const { key } = found;
    const served = await openBlob(deps.blobs(found, digest), { ...found, digest, range });
    const { recorder, flushing } = deps.records;
    const { outcome } = served;
    const client = clientOf(deps, request);
    const blob = { ...key, digest, client, timeMs: deps.now(), outcome, bytes: lengthOf(served) };
    recorder.blob(blob, flushing);
    // What fills have is told by them.
    if (served.isPassed === true)
      recorder.fetched({ upstream: key.upstream, bytes: blob.bytes, counted: false }, flushing);
    return respond(served, digest);
  } catch (error) {
    if (!(error instanceof UnsatisfiableRange)) throw error;
    throw unsatisfiable(error.size);
  }
}

/** What the answer announces: no script counts what streams by, so one that breaks off is counted whole. */
function lengthOf({ range, size }: ServedBlob): number {
  return range === null ? (size ?? 0) : range.last - range.first + 1;
}

function respond(served: ServedBlob, digest: Digest): Response {
  const headers = describe(digest, served.outcome);
  const { body, range, size } = served;
  // Content-Length comes from the body itself: stored objects and fixed-length streams know theirs.
  if (range === null || size === null) return new Response(body, { headers });
  headers.set("Content-Range", formatContentRange(range, size));
  return new Response(body, { status: 206, headers });
}

async function headBlob(deps: RouteDeps, request: Request, path: BlobPath): Promise<Response> {
  const { digest } = path;
  const found = findRepository(deps, path);
  const stat = await statBlob(deps.blobs(found, digest), { ...found, digest });
  if (stat === null) throw new RegistryError("BLOB_UNKNOWN");
  const headers = describe(digest, stat.outcome);
  if (isNotModified(request, digest)) return new Response(null, { status: 304, headers });
  const range = isRangeWanted(request, digest) ? parseRange(request.headers.get("Range")) : null;
  if (stat.size === null) return new Response(null, { headers });
  if (range === null) {
    headers.set("Content-Length", String(stat.size));
    return new Response(null, { headers });
  }
  const resolved = resolveRange(range, stat.size);
  if (resolved === null) throw unsatisfiable(stat.size);
  headers.set("Content-Length", String(resolved.last - resolved.first + 1));
  headers.set("Content-Range", formatContentRange(resolved, stat.size));
  return new Response(null, { status: 206, headers });
}

function describe(digest: Digest, outcome: ServedBlob["outcome"]): Headers {
  return new Headers({
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    ETag: entityTag(digest),
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=31536000, immutable, no-transform",
    "X-Cache": outcome.toUpperCase(),
  });
}

function unsatisfiable(size: number): RegistryError {
  return new RegistryError("SIZE_INVALID", {
    status: 416,
    message: "the range lies outside the blob",
    headers: { "Content-Range": `bytes */${size}`, "Accept-Ranges": "bytes" },
  });
}
