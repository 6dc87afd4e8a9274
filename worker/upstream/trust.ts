import ipaddr from "ipaddr.js";
import { getDomain } from "tldts";
import { parseRegistry } from "../oci/reference.ts";

/**
 * Whether a host that the upstream named may be given the operator's credentials: the upstream's own host name, or
 * one under the same registrable domain (`auth.docker.io` for `registry-1.docker.io`). The port does not matter.
 *
 * Private suffixes count: two tenants of one cloud share no registrable domain.
 *
 * @param realms - where it is not `null`, the only host names that are trusted beside the upstream's own
 * @see distribution `f215e513d`: credentials must not follow a realm out of the upstream's trust boundary
 */
export function isTrustedRealm(
  realm: URL,
  upstream: URL,
  realms: readonly string[] | null,
): boolean {
  if (!isAllowedScheme(realm, upstream) || hasUserinfo(realm)) return false;
  if (realm.hostname === upstream.hostname) return true;
  if (realms !== null) return realms.includes(realm.hostname);
  const domain = getDomain(upstream.hostname, { allowPrivateDomains: true });
  return domain !== null && domain === getDomain(realm.hostname, { allowPrivateDomains: true });
}

/**
 * Whether a redirect may be followed, without credentials: any public host by https. What is on a company's own network
 * is only followed where the upstream itself is there, and this machine where the upstream is on it, as in a test;
 * link-local addresses, where clouds keep their metadata, never.
 */
export function isAllowedRedirect(target: URL, upstream: URL): boolean {
  if (!isAllowedScheme(target, upstream) || hasUserinfo(target)) return false;
  const reach = reachOf(target.hostname);
  if (reach === "public") return true;
  const own = reachOf(upstream.hostname);
  return reach === "network" ? own !== "public" : reach === "machine" && own === "machine";
}

/** Names a URL's host in one way, whichever of its names is written. */
export function hostOf({ hostname, port }: URL): string {
  const host = `${hostname.replace(/\.$/, "")}${port === "" ? "" : `:${port}`}`;
  return parseRegistry(host) ?? host;
}

function isAllowedScheme(target: URL, upstream: URL): boolean {
  return (
    target.protocol === "https:" || (target.protocol === "http:" && upstream.protocol === "http:")
  );
}

function hasUserinfo(url: URL): boolean {
  return url.username !== "" || url.password !== "";
}

const NETWORK_RANGES: ReadonlySet<string> = new Set(["private", "uniqueLocal", "carrierGradeNat"]);

/** From where a host can be reached. `URL` has already written addresses in one form. */
function reachOf(hostname: string): "public" | "network" | "machine" | "nobody" {
  const host = hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (ipaddr.isValid(host)) {
    const range = ipaddr.process(host).range();
    if (range === "unicast") return "public";
    if (range === "loopback") return "machine";
    return NETWORK_RANGES.has(range) ? "network" : "nobody";
  }
  if (host === "localhost" || host.endsWith(".localhost")) return "machine";
  return /\.(?:local|internal|home\.arpa)$/.test(host) ? "network" : "public";
}
