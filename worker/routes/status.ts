import type { Activity } from "../page/status.ts";
import { renderStatusPage } from "../page/status-page.ts";
import { STYLE, formatPolicy } from "../page/style.ts";
import { VERSION } from "../version.ts";
import { listNames } from "../proxy/catalog.ts";
import type { RouteDeps } from "./context.ts";
import { readAddress } from "./setup.ts";

/** As many names as a page without a pull log shows. */
const MAX_NAMES = 100;

/** `GET /`: the status page. It is answered whatever cannot be read, and says what that is. */
export async function getStatusPage(deps: RouteDeps, request: Request): Promise<Response> {
  const mirror = readAddress(request);
  const activity = await readActivity(deps);
  const repositories = typeof activity === "string" ? await readNames(deps) : [];
  const now = deps.now();
  const page = renderStatusPage({ now, mirror, version: VERSION, activity, repositories });
  return new Response(page, {
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-store",
      "Content-Security-Policy": formatPolicy(await hashStyle()),
      // The address may hold an access token: it is told to nobody.
      "Referrer-Policy": "no-referrer",
    },
  });
}

async function readActivity(deps: RouteDeps): Promise<Activity | "none" | "unreadable"> {
  if (deps.status === undefined) return "none";
  try {
    return await deps.status();
  } catch {
    return "unreadable";
  }
}

async function readNames(deps: RouteDeps): Promise<readonly string[]> {
  try {
    return await listNames(deps, { last: null, limit: MAX_NAMES });
  } catch {
    return [];
  }
}

async function hashStyle(): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(STYLE));
  return btoa(String.fromCharCode(...new Uint8Array(hash)));
}
