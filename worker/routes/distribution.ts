import { RegistryError } from "../oci/error-code.ts";
import { parseDistributionPath } from "../oci/path.ts";
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
    return await route(deps, request, pathname);
  } catch (error) {
    const { recorder, flushing } = deps.records;
    if (error instanceof UpstreamError) recorder.failure(error.failure.kind, flushing);
    throw error;
  }
}

async function route(deps: RouteDeps, request: Request, pathname: string): Promise<Response> {
  const path = parseDistributionPath(pathname);
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
