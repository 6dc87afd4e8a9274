import { FLAG, type MatrixCase, text } from "./matrix-case.ts";

/** Rows E1 to E9: services in every form. */
export const SERVICE_CASES: readonly MatrixCase[] = [
  {
    id: "E1 a name becomes a map, its comment stays on the line (top level)",
    before: text`
      services:
        - docker:24-dind     # the daemon
      job:
        script: make
    `,
    after: text`
      services:
        - name: docker:24-dind     # the daemon
          command: [${FLAG}]
      job:
        script: make
    `,
  },
  {
    id: "E1 under default and in a job",
    before: text`
      default:
        services:
          - docker:24-dind # a
      job:
        services:
          - redis:7
          - docker:24-dind
          - postgres:16
    `,
    after: text`
      default:
        services:
          - name: docker:24-dind # a
            command: [${FLAG}]
      job:
        services:
          - redis:7
          - name: docker:24-dind
            command: [${FLAG}]
          - postgres:16
    `,
  },
  {
    id: "E2 four spaces and quotes stay",
    before: text`
      job:
          services:
              - 'docker:20.10.6-dind'
              - "docker:stable-dind"
    `,
    after: text`
      job:
          services:
              - name: 'docker:20.10.6-dind'
                command: [${FLAG}]
              - name: "docker:stable-dind"
                command: [${FLAG}]
    `,
  },
  {
    id: "E3 a list that stands under its key",
    before: text`
      job:
        services:
        - docker:24.0.5-dind
        script: make
    `,
    after: text`
      job:
        services:
        - name: docker:24.0.5-dind
          command: [${FLAG}]
        script: make
    `,
  },
  {
    id: "E4 the command goes right after the name, wherever the name is",
    before: text`
      job:
        services:
          - alias: docker   # a
            name: docker:24-dind # n
            variables:
              A: b
    `,
    after: text`
      job:
        services:
          - alias: docker   # a
            name: docker:24-dind # n
            command: [${FLAG}]
            variables:
              A: b
    `,
  },
  {
    id: "E5 appends to a list of flags",
    before: text`
      job:
        services:
          - name: docker:24-dind
            command: ["--mtu=1400"]  # VXLAN
    `,
    after: text`
      job:
        services:
          - name: docker:24-dind
            command: ["--mtu=1400", ${FLAG}]  # VXLAN
    `,
  },
  {
    id: "E6 appends to a block list with the same dash",
    before: text`
      job:
        services:
          - name: docker:24-dind
            command:
              - --mtu=1400   # VXLAN
              - "--insecure-registry=reg.lan:5000"
            alias: docker
    `,
    after: text`
      job:
        services:
          - name: docker:24-dind
            command:
              - --mtu=1400   # VXLAN
              - "--insecure-registry=reg.lan:5000"
              - ${FLAG}
            alias: docker
    `,
  },
  {
    id: "E7 a flow list over several lines",
    before: text`
      job:
        services:
          - name: docker:24-dind
            command: [
              "--mtu=1400",
              "--insecure-registry=r"
            ]
    `,
    after: text`
      job:
        services:
          - name: docker:24-dind
            command: [
              "--mtu=1400",
              "--insecure-registry=r", ${FLAG}
            ]
    `,
  },
  {
    id: "E8 an empty list",
    before: "job:\n  services:\n    - name: docker:24-dind\n      command: []\n",
    after: `job:\n  services:\n    - name: docker:24-dind\n      command: [${FLAG}]\n`,
  },
  {
    id: "E8 a command with nothing behind it",
    before: "job:\n  services:\n    - name: docker:24-dind\n      command: # later\n",
    after: `job:\n  services:\n    - name: docker:24-dind\n      command: [${FLAG}] # later\n`,
  },
  {
    id: "E9 ours already: one word, two words, a slash at the end",
    before: text`
      a:
        services:
          - name: docker:24-dind
            command: ["--registry-mirror", "https://mirror.example.dev/"]
      b:
        services:
          - name: docker:24-dind
            command: [--registry-mirror=https://mirror.example.dev]
      c:
        services:
          - name: docker:24-dind
            command:
              - --registry-mirror
              - https://Mirror.Example.dev
    `,
    left: ["already-mirrored", "already-mirrored", "already-mirrored"],
  },
];
