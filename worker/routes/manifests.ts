import { parseManifestType } from "../oci/media-type.ts";
import type { RepositoryPath } from "../oci/path.ts";
import type { TagOrDigest } from "../oci/tag.ts";
import { type ServedManifest, serveManifest } from "../proxy/manifest.ts";
import type { RepositoryKey } from "../store/store.ts";
import { type RouteDeps, clientOf, findRepository } from "./context.ts";
import { entityTag, isNotModified } from "./conditional.ts";

/**
 * `GET` and `HEAD /v2/<name>/manifests/<tag-or-digest>`.
 *
 * The client's `Accept` is not looked at: the cache is shared, bytes are never converted, and a client that knows no
 * index would not get far at Docker Hub either.
 *
 * @see OCI distribution spec v1.1.1, "Pulling manifests" (end-3)
 */
export async function getManifest(
  deps: RouteDeps,
  request: Request,
  path: RepositoryPath & { readonly target: TagOrDigest },
): Promise<Response> {
  const { target } = path;
  const { key, audience } = findRepository(deps, path);
  const headOnly = request.method === "HEAD";
  const served = await serveManifest(deps.manifests(key), {
    key,
    target,
    audience,
    headOnly,
  });
  const headers = describe(served, target, deps.now());
  const isPull = !headOnly && !isNotModified(request, served.digest);
  record(deps, request, { key, target, served, isPull });
  if (isNotModified(request, served.digest)) return new Response(null, { status: 304, headers });
  headers.set("Content-Length", String(served.size));
  return new Response(served.bytes, { headers });
}

interface Answered {
  readonly key: RepositoryKey;
  readonly target: TagOrDigest;
  readonly served: ServedManifest;
  readonly isPull: boolean;
}

/** Notes what was answered. Nothing is awaited, and nothing written before the answer is on its way. */
function record(deps: RouteDeps, request: Request, answered: Answered): void {
  const { recorder, flushing, credential } = deps.records;
  const { key, target, served, isPull } = answered;
  const { digest, mediaType, size, outcome, asked, counted, quota, stale, bytes } = served;
  const timeMs = deps.now();
  const tag = target.kind === "tag" ? target.tag : null;
  if (isPull && bytes !== null) {
    const { upstream, repository } = key;
    const client = clientOf(deps, request);
    // One literal: this runs for every pull, and a spread costs more than all the rest of it.
    recorder.pull(
      { upstream, repository, timeMs, tag, digest, mediaType, size, outcome, counted, client },
      bytes,
      flushing,
    );
  } else if (tag !== null) recorder.tag({ ...key, tag, digest, timeMs }, flushing);
  if (quota !== null) {
    const { limit, remaining, windowSeconds } = quota;
    const name = credential(key.upstream);
    recorder.quota(
      { credential: name, limit, remaining, windowSeconds, seenAtMs: timeMs },
      flushing,
    );
  }
  // A counted pull tells of its bytes itself; other sources' manifests, and what ends as 304 or answers a HEAD, do not.
  const isFetched = asked && (counted || (outcome === "miss" && bytes !== null));
  if (isFetched && !(isPull && counted))
    recorder.fetched({ upstream: key.upstream, bytes: size, counted }, flushing);
  if (asked) {
    // A registry answers HEADs whatever its limit; what it gave was allowed.
    const isAllowed = counted || (quota?.remaining ?? 1) > 0;
    recorder.answered({ upstream: key.upstream, isAllowed }, flushing);
  }
  if (stale !== null) recorder.failure(stale.failure, flushing);
}

function describe(served: ServedManifest, target: TagOrDigest, now: number): Headers {
  const headers = new Headers({
    // Older stores hold what an upstream said.
    "Content-Type": parseManifestType(served.mediaType) ?? "application/octet-stream",
    "Docker-Content-Digest": served.digest,
    ETag: entityTag(served.digest),
    "Cache-Control":
      target.kind === "digest"
        ? "private, max-age=31536000, immutable, no-transform"
        : "private, no-cache, no-transform",
    "X-Cache": served.outcome.toUpperCase(),
  });
  if (served.stale !== null) {
    const { failure, checkedAt } = served.stale;
    const ageSeconds = Math.max(0, Math.round((now - checkedAt) / 1000));
    headers.set("Age", String(ageSeconds));
    headers.set("Warning", formatStaleWarning(failure.upstream, failure.kind, ageSeconds));
  }
  return headers;
}

/**
 * "At most": a confirmation is written down only where the last one that was is old enough, and a restart forgets the rest.
 *
 * @see OCI distribution spec, "Warnings": `299 - "…"`, at most 4096 bytes, no date.
 */
function formatStaleWarning(upstream: string, kind: string, ageSeconds: number): string {
  return `299 - "stale: ${upstream} is ${kind}, this tag was last confirmed at most ${ageSeconds} s ago"`;
}
