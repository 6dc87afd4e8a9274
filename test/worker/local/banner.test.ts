import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, test } from "vitest";
import { type Banner, renderBanner } from "../../../worker/local/banner.ts";

const WARNING = "Everybody who reaches this port may pull: set ACCESS (npm start -- --help)";

function address(text: string, internal = false): NetworkInterfaceInfo {
  const more = { netmask: "", mac: "", internal, cidr: null };
  return text.includes(":")
    ? { ...more, address: text, family: "IPv6", scopeid: 0 }
    : { ...more, address: text, family: "IPv4" };
}

const interfaces = {
  lo: [address("127.0.0.1", true), address("::1", true)],
  eth0: [address("fe80::1"), address("2001:db8::7"), address("192.0.2.7")],
};

function banner(changes: Partial<Banner> = {}): string {
  const variables = { ACCESS: "open" };
  return renderBanner({
    host: "127.0.0.1",
    port: 8787,
    data: "/data",
    variables,
    interfaces,
    ...changes,
  });
}

/** What is said of an upstream. */
function from(UPSTREAM: string): string {
  return banner({ variables: { ACCESS: "open", UPSTREAM } });
}

test("says where, what to paste and where the data is", () => {
  expect(banner()).toBe(`Tidepool mirrors Docker Hub at http://127.0.0.1:8787

  /etc/docker/daemon.json:
    { "registry-mirrors": ["http://127.0.0.1:8787"] }

  data: /data
  stop: Ctrl-C
`);
});

describe("at every address of this machine", () => {
  test.each([
    ["0.0.0.0", "http://192.0.2.7:8787"],
    ["0", "http://192.0.2.7:8787"],
    ["::", "http://192.0.2.7:8787"],
    ["198.51.100.1", "http://198.51.100.1:8787"],
    ["2001:db8::1", "http://[2001:db8::1]:8787"],
    ["mirror.example.com", "http://mirror.example.com:8787"],
  ])("%s is shown as %s", (host, origin) => {
    expect(banner({ host })).toContain(`Tidepool mirrors Docker Hub at ${origin}\n`);
    expect(banner({ host })).toContain(`["${origin}"]`);
  });

  test("names one that is there for the protocol, and else what was asked for", () => {
    const only = { eth0: [address("fe80::1"), address("2001:db8::7")] };
    expect(banner({ host: "::", interfaces: only })).toContain("http://[2001:db8::7]:8787");
    expect(banner({ host: "0.0.0.0", interfaces: only })).toContain("http://0.0.0.0:8787");
    expect(banner({ host: "::", interfaces: {} })).toContain("http://[::]:8787");
  });
});

describe("that everybody may pull", () => {
  test.each(["0.0.0.0", "::", "192.0.2.7", "mirror.example.com"])("is said at %s", (host) => {
    expect(banner({ host })).toContain(`\n${WARNING}\n`);
  });

  test.each(["127.0.0.1", "127.8.0.1", "::1", "localhost"])("goes unsaid at %s", (host) => {
    expect(banner({ host })).not.toContain(WARNING);
  });

  test("goes unsaid where it is not so", () => {
    const variables = { ACCESS: "token:shop" };
    expect(banner({ host: "0.0.0.0", variables })).not.toContain(WARNING);
  });
});

test("has a place for the secret, and says which dockerd takes it", () => {
  const text = banner({ variables: { ACCESS: "token:shop" } });
  expect(text).toContain(`  /etc/docker/daemon.json (dockerd 25 or later):
    { "registry-mirrors": ["http://127.0.0.1:8787/t/SECRET"] }`);
});

test("names an upstream that is not Docker Hub itself", () => {
  expect(from("http://hub.example.com:5000")).toContain(
    "Tidepool mirrors Docker Hub (UPSTREAM=http://hub.example.com:5000) at http://127.0.0.1:8787\n",
  );
  expect(from("https://registry-1.docker.io")).toContain("mirrors Docker Hub at http");
});
