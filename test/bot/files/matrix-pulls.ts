import { FLAG, type MatrixCase, text } from "./matrix-case.ts";

/** Rows E26 to E35: includes, and what pulls without the daemon. */
export const PULL_CASES: readonly MatrixCase[] = [
  {
    id: "E26 a file that is included",
    path: "ci/templates/build.yml",
    others: { ".gitlab-ci.yml": "include:\n  - local: /ci/templates/*.yml\n" },
    before: "build:\n  services:\n    - docker:24-dind\n",
    after: `build:\n  services:\n    - name: docker:24-dind\n      command: [${FLAG}]\n`,
  },
  {
    id: "E27 a dind service from elsewhere, with the expanded configuration",
    before: "include:\n  - template: Jobs/Code-Quality.gitlab-ci.yml\n",
    options: {
      mergedYaml: text`
        ---
        code_quality:
          services:
            - name: docker:24-dind
              command: ["--tls=false", "--host=tcp://0.0.0.0:2375"]
      `,
    },
    after: text`
      include:
        - template: Jobs/Code-Quality.gitlab-ci.yml
      code_quality:
        services:
          - name: docker:24-dind
            command: ["--tls=false", "--host=tcp://0.0.0.0:2375", ${FLAG}]
    `,
  },
  {
    id: "E27 into a job that the file has already, with all its services",
    before: text`
      include:
        - project: group/ci
          file: build.yml
      build:
        variables: { A: b }
    `,
    options: {
      mergedYaml: text`
        :build:
          services:
            - docker:24-dind
            - name: redis:7
              alias: cache
          variables: { A: b }
      `,
    },
    after: text`
      include:
        - project: group/ci
          file: build.yml
      build:
        services:
          - name: docker:24-dind
            command: [${FLAG}]
          - name: redis:7
            alias: cache
        variables: { A: b }
    `,
  },
  {
    id: "E27 offline it is said, not guessed",
    before: "include:\n  - template: Jobs/Code-Quality.gitlab-ci.yml\n",
    left: ["template-dind"],
  },
  {
    id: "E28 Docker's client with no dind here",
    before: "build:\n  image: docker:24.0.5\n  script: docker build .\n",
    left: ["no-dind-here"],
  },
  {
    id: "E29 two documents, CRLF, no newline at the end",
    before:
      "spec:\r\n  inputs:\r\n    tag:\r\n      default: 24-dind\r\n---\r\nservices:\r\n  - docker:$[[ inputs.tag ]]",
    after: `spec:\r\n  inputs:\r\n    tag:\r\n      default: 24-dind\r\n---\r\nservices:\r\n  - name: docker:$[[ inputs.tag ]]\r\n    command: [${FLAG}]`,
  },
  {
    id: "E30 kaniko by its variable",
    before:
      "build:\n  image: gcr.io/kaniko-project/executor:debug\n  script:\n    - /kaniko/executor --context .\n",
    after: text`
      build:
        image: gcr.io/kaniko-project/executor:debug
        variables:
          KANIKO_REGISTRY_MIRROR: mirror.example.dev
        script:
          - /kaniko/executor --context .
    `,
  },
  {
    id: "E30 into the variables that are there, after an image that is a map",
    before: text`
      a:
        variables:
          # why
          A: b
        image:
          name: gcr.io/kaniko-project/executor:debug
          entrypoint: [""]
      b:
        image:
          name: gcr.io/kaniko-project/executor:debug
          entrypoint: [""]  # c
        stage: x
    `,
    after: text`
      a:
        variables:
          # why
          KANIKO_REGISTRY_MIRROR: mirror.example.dev
          A: b
        image:
          name: gcr.io/kaniko-project/executor:debug
          entrypoint: [""]
      b:
        image:
          name: gcr.io/kaniko-project/executor:debug
          entrypoint: [""]  # c
        variables:
          KANIKO_REGISTRY_MIRROR: mirror.example.dev
        stage: x
    `,
  },
  {
    id: "E31 kaniko's flag with another host",
    before: text`
      build:
        image: gcr.io/kaniko-project/executor:debug
        script:
          - /kaniko/executor --registry-mirror mirror.gcr.io --context .
    `,
    left: ["kaniko-flag"],
  },
  {
    id: "E32 a buildx builder",
    before: "build:\n  script:\n    - docker buildx create --use\n",
    left: ["buildx-builder"],
  },
  {
    id: "E33 buildkitd.toml",
    path: "ci/buildkitd.toml",
    before: '[registry."docker.io"]\n  mirrors = ["mirror.gcr.io"]\n',
    after: '[registry."docker.io"]\n  mirrors = ["mirror.example.dev", "mirror.gcr.io"]\n',
  },
  {
    id: "E34 buildah and podman",
    before: "a:\n  script: buildah bud -t x .\nb:\n  script:\n    - podman build .\n",
    left: ["buildah", "podman"],
  },
  {
    id: "E35 DOCKER_OPTS, if asked",
    options: { tidy: true },
    before: text`
      build:
        variables:
          A: b
          DOCKER_OPTS: "--registry-mirror=https://mirror.gcr.io" # old
        services: []
    `,
    after: text`
      build:
        variables:
          A: b
        services: []
    `,
    purpose: "repair",
  },
  {
    id: "E35 DOCKER_OPTS, if not",
    before:
      "build:\n  variables:\n    A: b\n    DOCKER_OPTS: --registry-mirror=https://mirror.gcr.io\n",
    left: ["idle-variable"],
  },
  {
    id: "not dind, never touched",
    before:
      "job:\n  image: golang:1\n  services: [docker:24, docker:24-cli, docker:git, postgres:16]\n",
    left: [],
  },
];
