import type { RuleId } from "../../../bot/files/finding.ts";

/** A file with one mistake, and the line that the rule names. */
export interface LintCase {
  readonly rule: RuleId;
  readonly path?: string;
  readonly source: string;
  readonly line: number;
  readonly mirror?: true;
  readonly others?: Readonly<Record<string, string>>;
}

const SERVICE = "job:\n  services:\n    - name: docker:24-dind\n";

/** One case at least for each rule. */
export const LINT_CASES: readonly LintCase[] = [
  {
    rule: "service-command-variable",
    source: `${SERVICE}      command:\n        - --registry-mirror\n        - $MIRROR\n`,
    line: 6,
  },
  {
    rule: "service-command-variable",
    source: `${SERVICE}      command: ["--registry-mirror=\${MIRROR}"]\n`,
    line: 4,
  },
  {
    rule: "flag-not-split",
    source: `${SERVICE}      command: ["--registry-mirror https://m.example"]\n`,
    line: 4,
  },
  {
    rule: "mirror-url-scheme",
    source: `${SERVICE}      command: [--registry-mirror=m.example]\n`,
    line: 4,
  },
  {
    rule: "mirror-url-scheme",
    path: "daemon.json",
    source: '{\n  "registry-mirrors": [\n    "m.example"\n  ]\n}\n',
    line: 3,
  },
  {
    rule: "mirror-url-path",
    source: `${SERVICE}      command: [--registry-mirror=https://m.example/x]\n`,
    line: 4,
  },
  {
    rule: "mirror-url-path",
    path: "daemon.json",
    source: '{\n  "registry-mirrors": ["https://m.example/x"]\n}\n',
    line: 2,
  },
  {
    rule: "mirror-host-only",
    path: "buildkitd.toml",
    source: '[registry."docker.io"]\nmirrors = [\n  "https://m.example"\n]\n',
    line: 3,
  },
  {
    rule: "mirror-host-only",
    source:
      "k:\n  image: gcr.io/kaniko-project/executor\n  script:\n    - /kaniko/executor --registry-mirror https://m.example\n",
    line: 4,
  },
  {
    rule: "flag-and-file",
    source: `${SERVICE}      command: [--config-file=/x, --registry-mirror=https://m.example]\n`,
    line: 3,
  },
  {
    rule: "flag-and-file",
    path: "config.toml",
    source:
      '[[runners]]\n[runners.docker]\nvolumes = ["/x:/etc/docker/daemon.json"]\n[[runners.docker.services]]\nname = "docker:dind"\ncommand = ["--registry-mirror=https://m.example"]\n',
    line: 3,
  },
  {
    rule: "flag-and-file",
    path: "config.toml",
    source: '[[runners]]\n[runners.docker]\nvolumes = ["/x:/etc/docker/daemon.json"]\n',
    line: 3,
    others: {
      ".gitlab-ci.yml": `${SERVICE}      command: [--registry-mirror=https://m.example]\n`,
    },
  },
  {
    rule: "shell-entrypoint",
    source: `${SERVICE}      entrypoint: [sh, -c, dockerd]\n      command: [--registry-mirror=https://m.example]\n`,
    line: 5,
  },
  {
    rule: "honor-entrypoint",
    source: `variables:\n  FF_KUBERNETES_HONOR_ENTRYPOINT: "true"\n${SERVICE}      command: [--registry-mirror=https://m.example]\n`,
    line: 5,
  },
  {
    rule: "honor-entrypoint",
    path: "config.toml",
    source:
      '[[runners]]\n[runners.feature_flags]\nFF_KUBERNETES_HONOR_ENTRYPOINT = true\n[[runners.kubernetes.services]]\nname = "docker:dind"\ncommand = ["--registry-mirror=https://m.example"]\n',
    line: 3,
  },
  {
    rule: "daemon-singular-key",
    path: "daemon.json",
    source: '{\n  "registry-mirror": ["https://m.example"]\n}\n',
    line: 2,
  },
  { rule: "daemon-comment", path: "daemon.json", source: '{\n  "debug": true // on\n}\n', line: 2 },
  { rule: "daemon-invalid-json", path: "daemon.json", source: '{\n  "debug": true,\n}\n', line: 3 },
  {
    rule: "daemon-mirrors-no-list",
    path: "daemon.json",
    source: '{\n  "registry-mirrors": "https://m.example"\n}\n',
    line: 2,
  },
  {
    rule: "buildx-container-driver",
    source: "b:\n  script:\n    - docker buildx create --use\n",
    line: 3,
  },
  {
    rule: "kaniko-ignores-daemon",
    source: "k:\n  stage: x\n  image: gcr.io/kaniko-project/executor:debug\n",
    line: 3,
  },
  {
    rule: "buildah-ignores-daemon",
    source: "b:\n  script:\n    - |\n      set -e\n      buildah bud .\n",
    line: 5,
  },
  { rule: "podman-ignores-daemon", source: "b:\n  script: podman pull alpine\n", line: 2 },
  {
    rule: "idle-variable",
    source: "b:\n  variables:\n    DOCKER_OPTS: --registry-mirror=https://m.example\n",
    line: 3,
  },
  { rule: "not-mirrored", source: SERVICE, line: 3, mirror: true },
  {
    rule: "not-mirrored",
    path: "daemon.json",
    source: '{\n  "debug": true\n}\n',
    line: 1,
    mirror: true,
  },
  {
    rule: "not-mirrored",
    path: "config.toml",
    source: '[[runners]]\n[[runners.docker.services]]\nname = "docker:dind"\n',
    line: 2,
    mirror: true,
  },
  { rule: "unreadable", source: "a: [\n", line: 2 },
];

/** Files in which nothing is wrong. */
export const CLEAN_FILES: Readonly<Record<string, string>> = {
  ".gitlab-ci.yml": `include: /ci/ok.yml\n${SERVICE}      command: [--registry-mirror=https://m.example, --mtu=1400]\n`,
  "ci/ok.yml": `new:
  services:
    - name: docker:27-dind
      command: [--registry-mirror=https://m.example/t/abc]
    - name: docker:dind
      entrypoint: [sh, -c]
      command: ["dockerd-entrypoint.sh --registry-mirror=$MIRROR"]
    - name: redis:7
      command: [redis-server, $ARGS]
  script:
    - docker buildx create --buildkitd-config ci/buildkitd.toml --use
    - docker buildx create --driver remote tcp://x
    - echo podman is not buildah
kaniko:
  image: gcr.io/kaniko-project/executor:debug
  variables:
    KANIKO_REGISTRY_MIRROR: m.example
`,
  "ci/buildkitd.toml": '[registry."docker.io"]\nmirrors = ["m.example"]\n',
  "etc/docker/daemon.json": '{ "registry-mirrors": ["https://m.example"] }\n',
  "app/daemon.json": '{ "port": 80 }\n',
  "config.toml": '[[runners]]\nexecutor = "shell"\n',
};
