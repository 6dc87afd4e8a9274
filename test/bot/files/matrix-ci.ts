import { FLAG, type MatrixCase, text } from "./matrix-case.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

/** Rows E17 to E25: image names, entrypoints and variables. */
export const CI_CASES: readonly MatrixCase[] = [
  {
    id: "E17 a variable that resolves to dind in the file",
    before: text`
      variables: { DIND_IMAGE: "docker:24-dind" }
      build:
        services:
          - $DIND_IMAGE
    `,
    after: text`
      variables: { DIND_IMAGE: "docker:24-dind" }
      build:
        services:
          - name: $DIND_IMAGE
            command: [${FLAG}]
    `,
  },
  {
    id: "E17 the variable of a job, in braces, with a description, through another variable",
    before: text`
      variables:
        BASE:
          value: docker
          description: which
      build:
        variables:
          DIND: "\${BASE}:24-dind"
        services:
          - \${DIND}
    `.replaceAll("\\$", "$"),
    after: text`
      variables:
        BASE:
          value: docker
          description: which
      build:
        variables:
          DIND: "\${BASE}:24-dind"
        services:
          - name: \${DIND}
            command: [${FLAG}]
    `.replaceAll("\\$", "$"),
  },
  {
    id: "E18 a variable that nobody here sets",
    before: "build:\n  services:\n    - $DIND_IMAGE\n    - $DB_IMAGE\n",
    left: ["unknown-image"],
  },
  {
    id: "E19 through the Dependency Proxy",
    before: text`
      build:
        services:
          - name: $CI_DEPENDENCY_PROXY_GROUP_IMAGE_PREFIX/docker:24-dind
            alias: docker
    `,
    after: text`
      build:
        services:
          - name: $CI_DEPENDENCY_PROXY_GROUP_IMAGE_PREFIX/docker:24-dind
            command: [${FLAG}]
            alias: docker
    `,
    note: /Dependency Proxy/,
  },
  {
    id: "E20 rootless, digest, port",
    before: text`
      build:
        services:
          - docker:27.3.1-dind@${DIGEST}
          - reg.lan:5000/docker:dind-rootless
    `,
    after: text`
      build:
        services:
          - name: docker:27.3.1-dind@${DIGEST}
            command: [${FLAG}]
          - name: reg.lan:5000/docker:dind-rootless
            command: [${FLAG}]
    `,
  },
  {
    id: "E21 a proxied name in string form, with a warning",
    before: "build:\n  services:\n    - registry.hub.docker.com/library/docker:24-dind\n",
    after: `build:\n  services:\n    - name: registry.hub.docker.com/library/docker:24-dind\n      command: [${FLAG}]\n`,
    note: /alias: docker/,
  },
  {
    id: "E22 behind env -u",
    before: text`
      build:
        services:
          - name: docker:24-dind
            entrypoint: ["env", "-u", "DOCKER_HOST"]
            command: ["dockerd-entrypoint.sh"]
    `,
    after: text`
      build:
        services:
          - name: docker:24-dind
            entrypoint: ["env", "-u", "DOCKER_HOST"]
            command: ["dockerd-entrypoint.sh", ${FLAG}]
    `,
  },
  {
    id: "E23 a shell holds the whole command",
    before: text`
      build:
        services:
          - name: docker:24-dind
            entrypoint: ["sh", "-c"]
            command: ["dockerd-entrypoint.sh --mtu=1400"]
          - name: docker:23-dind
            command: [/bin/sh, -c, "dockerd-entrypoint.sh"]
    `,
    left: ["shell-entrypoint", "shell-entrypoint"],
  },
  {
    id: "E24 dockerd from a script",
    before: "build:\n  script:\n    - dockerd --mtu=1400 &\n    - docker build .\n",
    left: ["dockerd-in-script"],
  },
  {
    id: "E25 a variable in the command is never expanded",
    before: text`
      build:
        services:
          - name: docker:24-dind
            command: ["--registry-mirror", "$DOCKER_MIRROR"]
          - name: docker:23-dind
            command: [--registry-mirror=$DOCKER_MIRROR]
    `,
    after: text`
      build:
        services:
          - name: docker:24-dind
            command: ["--registry-mirror", "https://mirror.example.dev"]
          - name: docker:23-dind
            command: [${FLAG}]
    `,
    purpose: "repair",
  },
];
