import { FLAG, type MatrixCase, text } from "./matrix-case.ts";

/** Rows E10 to E16: other mirrors, flow style, anchors and references. */
export const ANCHOR_CASES: readonly MatrixCase[] = [
  {
    id: "E10 another mirror is left and told",
    before: text`
      job:
        services:
          - name: docker:24-dind
            command: ["--registry-mirror=https://mirror.gcr.io"]
    `,
    left: ["other-mirror"],
  },
  {
    id: "E10b prepend",
    options: { conflict: "prepend" },
    before: text`
      job:
        services:
          - name: docker:24-dind
            command: ["--registry-mirror=https://mirror.gcr.io"]
          - name: docker:23-dind
            command:
              - --mtu=1400
              # theirs
              - --registry-mirror
              - https://mirror.gcr.io
    `,
    after: text`
      job:
        services:
          - name: docker:24-dind
            command: [${FLAG}, "--registry-mirror=https://mirror.gcr.io"]
          - name: docker:23-dind
            command:
              - --mtu=1400
              # theirs
              - ${FLAG}
              - --registry-mirror
              - https://mirror.gcr.io
    `,
  },
  {
    id: "E10c replace, also where there are several",
    options: { conflict: "replace" },
    before: text`
      job:
        services:
          - name: docker:24-dind
            command: ["--registry-mirror=https://mirror.gcr.io", "--mtu=1400"]
          - name: docker:23-dind
            command:
              - --registry-mirror
              - https://a.example # first
              - --mtu=1400
              - --registry-mirror=https://b.example # second
          - name: docker:22-dind
            command: [--registry-mirror=https://a.example, --registry-mirror, https://b.example, --mtu=1400]
    `,
    after: text`
      job:
        services:
          - name: docker:24-dind
            command: [${FLAG}, "--mtu=1400"]
          - name: docker:23-dind
            command:
              - --registry-mirror
              - "https://mirror.example.dev" # first
              - --mtu=1400
          - name: docker:22-dind
            command: [${FLAG}, --mtu=1400]
    `,
  },
  {
    id: "E11 a flow list of services",
    before: `job:\n  services: ["docker:24-dind",  'redis:7']\n`,
    after: `job:\n  services: [{ name: "docker:24-dind", command: [${FLAG}] },  'redis:7']\n`,
  },
  {
    id: "E12 a flow map",
    before: "job:\n  services: [ { name: docker:24-dind, alias: docker } ]\n",
    after: `job:\n  services: [ { name: docker:24-dind, alias: docker, command: [${FLAG}] } ]\n`,
  },
  {
    id: "E13 once, at the anchor",
    before: text`
      .svc: &svc
        - docker:24-dind
      a:
        services: *svc
      b:
        services: *svc
    `,
    after: text`
      .svc: &svc
        - name: docker:24-dind
          command: [${FLAG}]
      a:
        services: *svc
      b:
        services: *svc
    `,
  },
  {
    id: "E14 an anchored name becomes a flow map",
    before: text`
      a:
        services:
          - &dind docker:24-dind
      b:
        services:
          - *dind
    `,
    after: text`
      a:
        services:
          - &dind { name: docker:24-dind, command: [${FLAG}] }
      b:
        services:
          - *dind
    `,
  },
  {
    id: "E14b an anchored name that is an image as well keeps its anchor",
    before: text`
      a:
        services:
          - &dind docker:24-dind
      b:
        image: *dind
        services:
          - *dind
    `,
    after: text`
      a:
        services:
          - name: &dind docker:24-dind
            command: [${FLAG}]
      b:
        image: *dind
        services:
          - name: *dind
            command: [${FLAG}]
    `,
  },
  {
    id: "E15 the hidden job; merge keys and extends follow",
    before: text`
      .dind: &dind
        services:
          - docker:24-dind
      a:
        <<: *dind
      b:
        extends: .dind
    `,
    after: text`
      .dind: &dind
        services:
          - name: docker:24-dind
            command: [${FLAG}]
      a:
        <<: *dind
      b:
        extends: .dind
    `,
  },
  {
    id: "E16 the target of !reference, not the reference",
    before: text`
      .setup:
        services:
          - docker:24-dind
      build:
        services:
          - !reference [.setup, services]
    `,
    after: text`
      .setup:
        services:
          - name: docker:24-dind
            command: [${FLAG}]
      build:
        services:
          - !reference [.setup, services]
    `,
  },
];
