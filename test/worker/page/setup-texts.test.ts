import * as fc from "fast-check";
import { parseTOML } from "toml-eslint-parser";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type MirrorAddress, parseAddress } from "../../../worker/page/address.ts";
import { SETUPS, findSetup, listSetups } from "../../../worker/page/setup-texts.ts";

const secure = address("https:", "mirror.example.com");
const plain = address("http:", "127.0.0.1:8787");

/** As a client sees it whose own address holds a secret. */
const own = address("http:", "127.0.0.1:8787", "/t/k3ys3cr3tk3ys3cr3tk3y1");

function address(protocol: string, host: string, path = ""): MirrorAddress {
  const parsed = parseAddress(protocol, host, path);
  if (parsed === null) throw new Error(`${host} is no host`);
  return parsed;
}

const LOOPBACK =
  "# In a container this address is the container's own: put one here that jobs can reach.\n";
const RUNNER =
  "# Starts Docker in Docker for every job of this runner: leave it out of the jobs' own services.\n";

const OTHERS =
  '\n# Another registry, such as ghcr.io: the same in /etc/containerd/certs.d/ghcr.io/hosts.toml, with server = "https://ghcr.io".\n';

/** What follows in containerd's file, and in Podman's. */
const containerdMore = (origin: string): string =>
  `${OTHERS}\n# A secret can go in a header in place of the address:\n#   [host."${origin}".header]\n#     Authorization = "Bearer SECRET"\n`;
const podmanMore = (location: string): string =>
  `\n# Another registry, such as ghcr.io: the same two sections, with "ghcr.io" in the first and in the second\n#   location = "${location}/ghcr.io"\n`;

const TEXTS: readonly (readonly [client: string, mirror: MirrorAddress, text: string])[] = [
  ["dockerd", secure, '{\n  "registry-mirrors": [\n    "https://mirror.example.com"\n  ]\n}\n'],
  ["dockerd", plain, '{\n  "registry-mirrors": [\n    "http://127.0.0.1:8787"\n  ]\n}\n'],
  [
    "dind",
    secure,
    'services:\n  - name: docker:dind\n    alias: docker\n    command: ["--registry-mirror=https://mirror.example.com"]\n',
  ],
  [
    "dind",
    plain,
    `${LOOPBACK}services:\n  - name: docker:dind\n    alias: docker\n    command: ["--registry-mirror=http://127.0.0.1:8787"]\n`,
  ],
  [
    "gitlab-runner",
    secure,
    `${RUNNER}[[runners.docker.services]]\n  name = "docker:dind"\n  alias = "docker"\n  command = ["--registry-mirror=https://mirror.example.com"]\n`,
  ],
  [
    "gitlab-runner",
    plain,
    `${RUNNER}${LOOPBACK}[[runners.docker.services]]\n  name = "docker:dind"\n  alias = "docker"\n  command = ["--registry-mirror=http://127.0.0.1:8787"]\n`,
  ],
  [
    "containerd",
    secure,
    `# /etc/containerd/certs.d/docker.io/hosts.toml\nserver = "https://registry-1.docker.io"\n\n[host."https://mirror.example.com"]\n  capabilities = ["pull", "resolve"]\n${containerdMore("https://mirror.example.com")}`,
  ],
  [
    "containerd",
    plain,
    `# /etc/containerd/certs.d/docker.io/hosts.toml\nserver = "https://registry-1.docker.io"\n\n[host."http://127.0.0.1:8787"]\n  capabilities = ["pull", "resolve"]\n${containerdMore("http://127.0.0.1:8787")}`,
  ],
  [
    "buildkit",
    secure,
    '# /etc/buildkit/buildkitd.toml\n[registry."docker.io"]\n  mirrors = ["mirror.example.com"]\n',
  ],
  [
    "buildkit",
    plain,
    '# /etc/buildkit/buildkitd.toml\n[registry."docker.io"]\n  mirrors = ["127.0.0.1:8787"]\n\n[registry."127.0.0.1:8787"]\n  http = true\n',
  ],
  [
    "podman",
    secure,
    `# /etc/containers/registries.conf.d/tidepool.conf\n[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n\n[[registry.mirror]]\nlocation = "mirror.example.com"\n${podmanMore("mirror.example.com")}`,
  ],
  [
    "podman",
    plain,
    `# /etc/containers/registries.conf.d/tidepool.conf\n[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n\n[[registry.mirror]]\nlocation = "127.0.0.1:8787"\ninsecure = true\n${podmanMore("127.0.0.1:8787")}`,
  ],
  ["kaniko", secure, "--registry-mirror=mirror.example.com\n"],
  ["kaniko", plain, "--registry-mirror=127.0.0.1:8787 --insecure-registry=127.0.0.1:8787\n"],
];

test.each(TEXTS)("the text for %s is exact (%o)", (client, mirror, text) => {
  expect(findSetup(client)?.text(mirror)).toBe(text);
});

test("every client's text is held to the byte", () => {
  expect(new Set(TEXTS.map(([client]) => client))).toEqual(new Set(SETUPS.map((s) => s.client)));
});

describe("whatever the host is", () => {
  const hosts = fc.oneof(
    fc.webAuthority({ withPort: true }),
    fc.ipV6().map((ip) => `[${ip}]`),
  );
  const parsers = {
    json: (text: string) => JSON.parse(text) as unknown,
    yml: (text: string) => parse(text) as unknown,
    toml: (text: string) => parseTOML(text),
    conf: (text: string) => parseTOML(text),
    txt: (text: string) => text.split(" "),
  };

  test("each text parses as what its client reads", () => {
    fc.assert(
      fc.property(hosts, fc.constantFrom("http:", "https:"), (host, protocol) => {
        const mirror = parseAddress(protocol, host);
        if (mirror === null) return;
        for (const { file, text } of SETUPS) {
          const kind = file.slice(file.lastIndexOf(".") + 1) as keyof typeof parsers;
          parsers[kind](text(mirror));
        }
      }),
    );
  });
});

describe("an address", () => {
  test.each([
    ["http:", "localhost:8787", { isPlain: true, isLoopback: true }],
    ["http:", "[::1]:8787", { isPlain: true, isLoopback: true }],
    ["https:", "mirror.example.com", { isPlain: false, isLoopback: false }],
    ["https:", "127.example.com", { isPlain: false, isLoopback: false }],
    ["http:", "xn--bcher-kva.example:80", { isPlain: true, isLoopback: false }],
  ])("is read: %s//%s", (protocol, host, expected) => {
    expect(parseAddress(protocol, host)).toMatchObject({
      origin: `${protocol}//${host}`,
      host,
      ...expected,
    });
  });

  test.each([
    '"><script>',
    "a.example'",
    "user@a.example",
    "a.example\r\nX: y",
    "a.example/../",
    'a"]\n[x',
    "a b",
    "",
    "-a",
    "$(id)",
    "a".repeat(300),
  ])("that could break a file is refused: %j", (host) => {
    expect(parseAddress("https:", host)).toBeNull();
  });

  test("of another scheme is refused", () => {
    expect(parseAddress("javascript:", "a.example")).toBeNull();
  });
});

test.each([
  ["dockerd", `"http://127.0.0.1:8787/t/k3ys3cr3tk3ys3cr3tk3y1"`],
  ["dind", `--registry-mirror=http://127.0.0.1:8787/t/k3ys3cr3tk3ys3cr3tk3y1"`],
  ["gitlab-runner", `--registry-mirror=http://127.0.0.1:8787/t/k3ys3cr3tk3ys3cr3tk3y1"`],
  ["containerd", `[host."http://127.0.0.1:8787/t/k3ys3cr3tk3ys3cr3tk3y1"]`],
  [
    "buildkit",
    `mirrors = ["127.0.0.1:8787/t/k3ys3cr3tk3ys3cr3tk3y1"]\n\n[registry."127.0.0.1:8787"]\n  http = true`,
  ],
  ["podman", `location = "127.0.0.1:8787/t/k3ys3cr3tk3ys3cr3tk3y1"\ninsecure = true`],
  [
    "kaniko",
    `--registry-mirror=127.0.0.1:8787/t/k3ys3cr3tk3ys3cr3tk3y1 --insecure-registry=127.0.0.1:8787\n`,
  ],
])("%s is told an address with a path where it takes one", (client, expected) => {
  expect(findSetup(client)?.text(own)).toContain(expected);
});

test("what makes dockerd read a secret in an address says which dockerd that needs, and nothing else does", () => {
  const note = "dockerd 25 or later";
  for (const client of ["dind", "gitlab-runner"]) {
    expect(findSetup(client)?.text(own)).toContain(`# An address with a secret needs ${note}.\n`);
    expect(findSetup(client)?.text(plain)).not.toContain(note);
  }
  expect(() => JSON.parse(findSetup("dockerd")?.text(own) ?? "") as unknown).not.toThrow();
  const noted = listSetups(own)
    .split("\n")
    .filter((line) => line.endsWith(` (${note})`));
  expect(noted.map((line) => line.trim().slice(0, 22))).toEqual([
    "for /etc/docker/daemon",
    "for .gitlab-ci.yml, at",
    "for config.toml of the",
  ]);
  expect(listSetups(plain)).not.toContain(note);
});

test("containerd is told of no header where its address has the secret", () => {
  const text = findSetup("containerd")?.text(own);
  expect(text).toContain(OTHERS);
  expect(text).not.toContain("header");
});

test.each(["/t/", "/t/k3y/", "/t/K3Y", "/x/k3y", '/t/k3y"', "/t/k3y\n"])(
  "%j is no path of an address",
  (path) => {
    expect(parseAddress("https:", "mirror.example.com", path)).toBeNull();
  },
);
