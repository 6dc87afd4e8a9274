import type { MirrorAddress } from "./address.ts";

/** A client that can be told to use the mirror, by the name that `/setup?client=` takes. */
type SetupClient =
  | "dockerd"
  | "dind"
  | "containerd"
  | "buildkit"
  | "podman"
  | "kaniko"
  | "gitlab-runner";

/** How one client is told. */
export interface Setup {
  readonly client: SetupClient;
  /** What people call it. */
  readonly name: string;
  /** Where its text goes. */
  readonly target: string;
  /** A name to save the text under. */
  readonly file: string;
  /** Whether a container reads the address, for which loopback is the container itself. */
  readonly inContainer: boolean;
  /** Whether dockerd reads the address, which takes one with a secret only lately. */
  readonly isDockerd?: true;
  /** The text as the client reads it: nothing to fill in, nothing to take out. */
  readonly text: (mirror: MirrorAddress) => string;
}

/** Every client, in the order in which people look for them. */
export const SETUPS: readonly Setup[] = [
  {
    client: "dockerd",
    name: "Docker daemon",
    target: "/etc/docker/daemon.json, then reload dockerd",
    file: "daemon.json",
    inContainer: false,
    isDockerd: true,
    text: dockerd,
  },
  {
    client: "dind",
    name: "Docker in Docker (GitLab CI service)",
    target: ".gitlab-ci.yml, at the top or in a job",
    file: "services.yml",
    inContainer: true,
    isDockerd: true,
    text: dind,
  },
  {
    client: "gitlab-runner",
    name: "GitLab Runner",
    target: "config.toml of the runner, after its [runners.docker] section",
    file: "config.toml",
    inContainer: true,
    isDockerd: true,
    text: gitlabRunner,
  },
  {
    client: "containerd",
    name: "containerd",
    target: "/etc/containerd/certs.d/docker.io/hosts.toml",
    file: "hosts.toml",
    inContainer: false,
    text: containerd,
  },
  {
    client: "buildkit",
    name: "BuildKit",
    target: "/etc/buildkit/buildkitd.toml, or the file given to buildx create --buildkitd-config",
    file: "buildkitd.toml",
    inContainer: true,
    text: buildkit,
  },
  {
    client: "podman",
    name: "Podman, Buildah, CRI-O, skopeo",
    target: "/etc/containers/registries.conf.d/tidepool.conf",
    file: "tidepool.conf",
    inContainer: false,
    text: podman,
  },
  {
    client: "kaniko",
    name: "kaniko",
    target: "the arguments of /kaniko/executor",
    file: "kaniko.txt",
    inContainer: true,
    text: kaniko,
  },
];

/** Finds a client by its name; `null` where there is none such. */
export function findSetup(client: string): Setup | null {
  return SETUPS.find((setup) => setup.client === client) ?? null;
}

/** Says which clients there are and where each one's text is, a line each. */
export function listSetups(mirror: MirrorAddress): string {
  const lines = SETUPS.map(({ client, target, isDockerd = false }) => {
    const address = `${mirror.origin}/setup?client=${client}`;
    const age = isDockerd && hasSecret(mirror) ? ` (${WITH_SECRET})` : "";
    return `${address}\n    for ${target}${age}\n`;
  });
  return lines.join("");
}

/** What a dockerd has to be to take a mirror with a path. */
export const WITH_SECRET = "dockerd 25 or later";

function hasSecret({ location, host }: MirrorAddress): boolean {
  return location !== host;
}

/** JSON has no comments: where it goes is told beside it. */
function dockerd({ origin }: MirrorAddress): string {
  return `${JSON.stringify({ "registry-mirrors": [origin] }, null, 2)}\n`;
}

// The flag in one word: a list that is edited later cannot come apart between two of its items.
// The address in full: GitLab Runner expands no variable in a service's command.

function dind(mirror: MirrorAddress): string {
  return `${warn(mirror)}services:
  - name: docker:dind
    alias: docker
    command: ["--registry-mirror=${mirror.origin}"]
`;
}

function gitlabRunner(mirror: MirrorAddress): string {
  return `# Starts Docker in Docker for every job of this runner: leave it out of the jobs' own services.
${warn(mirror)}[[runners.docker.services]]
  name = "docker:dind"
  alias = "docker"
  command = ["--registry-mirror=${mirror.origin}"]
`;
}

function warn(mirror: MirrorAddress): string {
  const loopback = mirror.isLoopback
    ? "# In a container this address is the container's own: put one here that jobs can reach.\n"
    : "";
  return `${loopback}${hasSecret(mirror) ? `# An address with a secret needs ${WITH_SECRET}.\n` : ""}`;
}

/** A secret that is in the address already goes in no header. */
function containerd(mirror: MirrorAddress): string {
  const { origin } = mirror;
  const header = `
# A secret can go in a header in place of the address:
#   [host."${origin}".header]
#     Authorization = "Bearer SECRET"
`;
  return `# /etc/containerd/certs.d/docker.io/hosts.toml
server = "https://registry-1.docker.io"

[host."${origin}"]
  capabilities = ["pull", "resolve"]

# Another registry, such as ghcr.io: the same in /etc/containerd/certs.d/ghcr.io/hosts.toml, with server = "https://ghcr.io".
${hasSecret(mirror) ? "" : header}`;
}

function buildkit({ host, location, isPlain }: MirrorAddress): string {
  const plain = isPlain ? `\n[registry."${host}"]\n  http = true\n` : "";
  return `# /etc/buildkit/buildkitd.toml
[registry."docker.io"]
  mirrors = ["${location}"]
${plain}`;
}

function podman({ location, isPlain }: MirrorAddress): string {
  return `# /etc/containers/registries.conf.d/tidepool.conf
[[registry]]
prefix = "docker.io"
location = "docker.io"

[[registry.mirror]]
location = "${location}"
${isPlain ? "insecure = true\n" : ""}
# Another registry, such as ghcr.io: the same two sections, with "ghcr.io" in the first and in the second
#   location = "${location}/ghcr.io"
`;
}

/** One line, to be put behind the executor's other arguments. */
function kaniko({ host, location, isPlain }: MirrorAddress): string {
  return `--registry-mirror=${location}${isPlain ? ` --insecure-registry=${host}` : ""}\n`;
}
