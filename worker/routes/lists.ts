import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error-code.ts";
import { formatNextLink } from "../oci/link.ts";
import { MEDIA_TYPE } from "../oci/media-type.ts";
import type { RepositoryPath } from "../oci/path.ts";
import type { RepositoryKey } from "../store/store.ts";
import { listReferrers, listTags } from "../proxy/list.ts";
import { type RouteDeps, findRepository, isTold } from "./context.ts";
import { listNames } from "../proxy/catalog.ts";

/** More than the store lists at once, less than anybody asks for. */
const MAX_PAGE = 1000;
/** @see distribution's `GetCatalog`: a hundred where the client names no number. */
const DEFAULT_CATALOG_PAGE = 100;

/** `GET /v2/<name>/tags/list?n=&last=`. @see OCI distribution spec v1.1.1, "Listing Tags" (end-8) */
export async function getTags(
  deps: RouteDeps,
  request: Request,
  path: RepositoryPath,
): Promise<Response> {
  const name = path.written;
  const found = findRepository(deps, path);
  const page = readPage(request);
  if (page.limit === 0) return Response.json({ name, tags: [] });
  const { store } = deps;
  const listed = await listTags({ store, proof: deps.proof(found.key), ...found }, page);
  const headers = new Headers();
  linkNext(headers, request, listed.next);
  if (listed.stale !== null) {
    const { upstream: from, kind } = listed.stale;
    deps.records.recorder.failure(listed.stale, deps.records.flushing);
    headers.set("Warning", `299 - "stale: ${from} is ${kind}, these are the cached tags"`);
  }
  return Response.json({ name, tags: listed.tags }, { headers });
}

/**
 * `GET /v2/<name>/referrers/<digest>?artifactType=`.
 *
 * @see OCI distribution spec v1.1.1, "Listing Referrers" (end-12)
 */
export async function getReferrers(
  deps: RouteDeps,
  request: Request,
  path: RepositoryPath & { readonly digest: Digest },
): Promise<Response> {
  const query = Object.fromEntries(new URL(request.url).searchParams);
  delete query["ns"];
  const { shown, key } = findRepository(deps, path);
  const listed = await listReferrers({ shown }, key, { digest: path.digest, query });
  const headers = new Headers({ "Content-Type": MEDIA_TYPE.ociIndex });
  if (listed.filtered) headers.set("OCI-Filters-Applied", "artifactType");
  linkNext(headers, request, listed.next);
  return new Response(JSON.stringify(listed.index), { headers });
}

/** `GET /v2/_catalog?n=&last=`: what was pulled through this mirror. @see distribution's API, "Catalog" */
export async function getCatalog(deps: RouteDeps, request: Request): Promise<Response> {
  const { limit, last } = readPage(request);
  const wanted = Math.min(limit ?? DEFAULT_CATALOG_PAGE, MAX_PAGE - 1);
  if (wanted === 0) return Response.json({ repositories: [] });
  // One more than asked for tells whether there is a next page.
  const catalog = { ...deps, isTold: (key: RepositoryKey) => isTold(deps, key) };
  const found = await listNames(catalog, { last, limit: wanted + 1 });
  const repositories = found.slice(0, wanted);
  const end = repositories.at(-1);
  const headers = new Headers();
  if (found.length > wanted && end !== undefined)
    linkNext(headers, request, { n: String(wanted), last: end });
  return Response.json({ repositories }, { headers });
}

/** Names the next page by the path that this one was asked by, whichever of the mirror's forms it has, a secret in it too. */
function linkNext(
  headers: Headers,
  request: Request,
  next: Readonly<Record<string, string>> | null,
): void {
  if (next === null) return;
  const { pathname, searchParams } = new URL(request.url);
  const namespace = searchParams.get("ns");
  const query = namespace === null ? next : { ...next, ns: namespace };
  headers.set("Link", formatNextLink(pathname, query));
}

function readPage(request: Request): { limit: number | null; last: string | null } {
  const query = new URL(request.url).searchParams;
  const n = query.get("n");
  if (n !== null && !/^\d{1,9}$/.test(n))
    throw new RegistryError("UNSUPPORTED", { status: 400, message: "n must be a whole number" });
  // What cannot be a name or tag sorts somewhere, but no client has a reason to send it.
  const last = query.get("last");
  if (last !== null && !/^[\w.:/-]{1,515}$/.test(last))
    throw new RegistryError("UNSUPPORTED", {
      status: 400,
      message: "last must be a name or a tag",
    });
  return { limit: n === null ? null : Number(n), last };
}
