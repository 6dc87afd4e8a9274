import { RegistryError } from "../oci/error-code.ts";
import { type DistributionPath, parseDistributionPath } from "../oci/path.ts";
import { parseRegistry } from "../oci/reference.ts";
import { UpstreamError } from "../upstream/errors.ts";
import { getBlob } from "./blobs.ts";
import type { RouteDeps } from "./context.ts";
import { getCatalog, getReferrers, getTags } from "./lists.ts";
import { getManifest } from "./manifests.ts";

/**
 * Answers a request of the distribution API: the path is parsed once, then the handler of its kind runs.
 *
 * @throws {@link RegistryError} `UNSUPPORTED` for what would push or delete: a mirror is read-only
 */
export async function serveDistribution(
  deps: RouteDeps,
  request: Request,
  pathname: string,
): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD")
    throw new RegistryError("UNSUPPORTED", {
      message: "this registry is a read-only mirror",
      headers: { Allow: "GET, HEAD" },
    });
  try {
    const namespace = readNamespace(request);
    const response = await route(deps, request, parseDistributionPath(pathname, namespace));
    // Says whose content this is. @see OCI distribution spec v1.1.1, "Registry Proxying"
    if (namespace !== null) response.headers.set("OCI-Namespace", namespace);
    return response;
  } catch (error) {
    const { recorder, flushing } = deps.records;
    if (error instanceof UpstreamError) recorder.failure(error.failure, flushing);
    throw error;
  }
}

/** The registry that the client takes this mirror for; `null` where it does not say. */
function readNamespace(request: Request): string | null {
  // Most requests have no query, and every one would pay for a URL's reading.
  if (!request.url.includes("?")) return null;
  const [namespace, ...more] = new URL(request.url).searchParams.getAll("ns");
  // One name for the look-up and another for the answer must not come of the same request.
  if (more.length > 0)
    throw new RegistryError("UNSUPPORTED", { status: 400, message: "ns stands more than once" });
  if (namespace === undefined) return null;
  if (parseRegistry(namespace) === null)
    throw new RegistryError("NAME_INVALID", { message: "ns must be a registry's host name" });
  return namespace;
}

async function route(deps: RouteDeps, request: Request, path: DistributionPath): Promise<Response> {
  switch (path.kind) {
    case "base":
      // Clients ping before every pull: nothing is asked of anyone for it.
      return Response.json({});
    case "catalog":
      return await getCatalog(deps, request);
    case "manifest":
      return await getManifest(deps, request, path);
    case "blob":
      return await getBlob(deps, request, path);
    case "tags":
      return await getTags(deps, request, path);
    case "referrers":
      return await getReferrers(deps, request, path);
    case "upload":
      throw new RegistryError("UNSUPPORTED", { headers: { Allow: "GET, HEAD" } });
  }
}
