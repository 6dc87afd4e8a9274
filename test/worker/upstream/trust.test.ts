import { expect, test } from "vitest";
import { hostOf, isAllowedRedirect, isTrustedRealm } from "../../../worker/upstream/trust.ts";

const HUB = new URL("https://registry-1.docker.io");

test.each([
  ["https://auth.docker.io/token", HUB.href, true],
  ["https://registry-1.docker.io:8443/token", HUB.href, true],
  ["http://auth.docker.io/token", HUB.href, false],
  ["https://auth.docker.io.evil.example/token", HUB.href, false],
  ["https://evil-docker.io/token", HUB.href, false],
  ["https://a.co.uk/token", "https://b.co.uk", false],
  ["https://a.example.co.uk/token", "https://b.example.co.uk", true],
  ["https://evil.workers.dev/token", "https://mine.workers.dev", false],
  ["http://127.0.0.1:9/token", "http://127.0.0.1:5000", true],
  ["http://127.0.0.2/token", "http://127.0.0.1:5000", false],
  ["http://169.254.169.254/token", "http://127.0.0.1:5000", false],
])("realm %s of upstream %s: %s", (realm, upstream, trusted) => {
  expect(isTrustedRealm(new URL(realm), new URL(upstream), null)).toBe(trusted);
});

test.each([
  ["https://gitlab.com/jwt/auth", ["gitlab.com"], true],
  ["https://registry.gitlab.com/token", ["gitlab.com"], true],
  ["https://auth.gitlab.com/token", ["gitlab.com"], false],
  ["http://gitlab.com/jwt/auth", ["gitlab.com"], false],
  ["https://gitlab.com/jwt/auth", [], false],
])("realm %s where %j alone is listed beside the upstream's own: %s", (realm, realms, trusted) => {
  const upstream = new URL("https://registry.gitlab.com");
  expect(isTrustedRealm(new URL(realm), upstream, realms)).toBe(trusted);
});

test.each([
  ["https://production.cloudflare.docker.com/x", HUB.href, true],
  ["http://production.cloudflare.docker.com/x", HUB.href, false],
  ["https://127.0.0.1/x", HUB.href, false],
  ["https://2130706433/x", HUB.href, false],
  ["https://[::1]/x", HUB.href, false],
  ["https://[::ffff:10.0.0.1]/x", HUB.href, false],
  ["https://169.254.169.254/latest/meta-data", HUB.href, false],
  ["https://metadata.internal/x", HUB.href, false],
  ["https://localhost/x", HUB.href, false],
  ["https://user:pass@cdn.example/x", HUB.href, false],
  ["http://127.0.0.1:9000/x", "http://127.0.0.1:5000", true],
  ["http://localhost:9000/x", "http://127.0.0.1:5000", true],
  ["http://169.254.169.254/latest", "http://127.0.0.1:5000", false],
  ["http://169.254.169.254/latest", "http://10.0.0.5:5000", false],
  ["http://[fe80::1]/x", "http://10.0.0.5:5000", false],
  ["http://0.0.0.0/x", "http://127.0.0.1:5000", false],
  ["http://127.0.0.1/x", "http://10.0.0.5:5000", false],
  ["http://10.0.0.6/x", "http://10.0.0.5:5000", true],
  ["https://store.internal/x", "https://registry.internal", true],
  ["https://cdn.example.com/x", "https://registry.internal", true],
])("redirect to %s of upstream %s: %s", (target, upstream, allowed) => {
  expect(isAllowedRedirect(new URL(target), new URL(upstream))).toBe(allowed);
});

test.each([
  ["https://ghcr.io/v2/", "ghcr.io"],
  ["https://GHCR.io./v2/", "ghcr.io"],
  ["https://ghcr.io.:443/v2/", "ghcr.io"],
  ["http://ghcr.io:80/v2/", "ghcr.io"],
  ["https://ghcr.io:8443/v2/", "ghcr.io:8443"],
  ["https://registry-1.docker.io/v2/", "docker.io"],
  ["https://registry.hub.docker.com./v2/", "docker.io"],
  ["http://127.0.0.1:5000", "127.0.0.1:5000"],
  ["http://127.1:5000", "127.0.0.1:5000"],
  ["http://[::1]:5000", "[::1]:5000"],
])("%s is at %s, whichever of its names is written", (url, host) =>
  expect(hostOf(new URL(url))).toBe(host),
);
