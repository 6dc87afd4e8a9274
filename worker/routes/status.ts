import type { Activity, StatusView } from "../page/status.ts";
import { renderStatusPage } from "../page/status-page.ts";
import { VERSION } from "../version.ts";
import { listNames } from "../proxy/catalog.ts";
import { type RouteDeps, isTold } from "./context.ts";
import { respondPage } from "./page-response.ts";
import { readMirrorAddress } from "./setup.ts";

/** As many names as a page without a pull log shows. */
const MAX_NAMES = 100;

/**
 * `GET /`: the status page. It is answered whatever cannot be read, and says what that is.
 *
 * @param ways - who is mirrored, whether clients may come at all or by a token, and whether a login opened the page
 */
export async function getStatusPage(
  deps: RouteDeps,
  request: Request,
  ways: Pick<StatusView, "upstream" | "isClosed" | "hasTokens" | "needsSecret" | "canLogOut">,
): Promise<Response> {
  const mirror = readMirrorAddress(request);
  const activity = await readActivity(deps);
  const repositories = typeof activity === "string" ? await readNames(deps) : [];
  const now = deps.now();
  const view = { now, mirror, version: VERSION, activity, repositories, ...ways };
  return await respondPage(renderStatusPage(view), { hasForm: ways.canLogOut });
}

async function readActivity(deps: RouteDeps): Promise<Activity | "none" | "unreadable"> {
  if (deps.status === undefined) return "none";
  try {
    const activity = await deps.status();
    return {
      ...activity,
      topImages: activity.topImages.filter((image) => isTold(deps, image)),
      latestPulls: activity.latestPulls.filter((pull) => isTold(deps, pull)),
    };
  } catch {
    return "unreadable";
  }
}

async function readNames(deps: RouteDeps): Promise<readonly string[]> {
  try {
    return await listNames(
      { ...deps, isTold: (key) => isTold(deps, key) },
      { last: null, limit: MAX_NAMES },
    );
  } catch {
    return [];
  }
}
