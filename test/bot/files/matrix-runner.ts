import { FLAG, MIRROR_URL, type MatrixCase, text } from "./matrix-case.ts";

const HEAD = '[[runners]]\n  name = "r"\n  executor = "docker"\n';

const CASES: readonly MatrixCase[] = [
  {
    id: "E41 a dind service with flags",
    before: text`
      ${HEAD}  [runners.docker]
          image = "alpine"
          [[runners.docker.services]]
            name = "docker:24.0.5-dind"
            command = ["--mtu=1440"]   # VXLAN
    `,
    after: text`
      ${HEAD}  [runners.docker]
          image = "alpine"
          [[runners.docker.services]]
            name = "docker:24.0.5-dind"
            command = ["--mtu=1440", ${FLAG}]   # VXLAN
    `,
  },
  {
    id: "E42 a Kubernetes service without a command",
    before: text`
      [[runners]]
        [[runners.kubernetes.services]]
          name = "docker:24.0.5-dind"
          alias = "docker"
    `,
    after: text`
      [[runners]]
        [[runners.kubernetes.services]]
          name = "docker:24.0.5-dind"
          command = [${FLAG}]
          alias = "docker"
    `,
  },
  {
    id: "E43 the host's file, which this repository holds",
    others: { "hosts/opt/docker/daemon.json": `{"registry-mirrors": ["${MIRROR_URL}"]}` },
    left: ["already-mirrored"],
    before: text`
      ${HEAD}  [runners.docker]
          privileged = true
          volumes = [
            "/cache",           # build cache
            "/certs/client",
          ]
    `,
    after: text`
      ${HEAD}  [runners.docker]
          privileged = true
          volumes = [
            "/cache",           # build cache
            "/certs/client",
            "/opt/docker/daemon.json:/etc/docker/daemon.json:ro",
          ]
    `,
    note: /must be on the host/,
  },
  {
    id: "E43 without that file",
    before: `${HEAD}  [runners.docker]\n    privileged = true\n    volumes = ["/cache"]\n`,
    left: ["runner-mount"],
  },
  {
    id: "E44 docker-machine",
    before: text`
      ${HEAD}  [runners.machine]
          MachineOptions = [
            "google-project=p",
            "engine-registry-mirror=https://mirror.gcr.io"
          ]
    `,
    after: text`
      ${HEAD}  [runners.machine]
          MachineOptions = [
            "google-project=p",
            "engine-registry-mirror=${MIRROR_URL}"
          ]
    `,
  },
  {
    id: "E44 docker-machine without a mirror",
    before: `${HEAD}  [runners.machine]\n    MachineOptions = ["a=b"]\n`,
    after: `${HEAD}  [runners.machine]\n    MachineOptions = ["a=b", "engine-registry-mirror=${MIRROR_URL}"]\n`,
  },
  {
    id: "E45 Helm values",
    path: "deploy/values.yaml",
    before: text`
      runners:
        config: |
          [[runners]]
            [runners.kubernetes]

              [[runners.kubernetes.services]]
                name = "docker:24-dind"
        tags: ""
    `,
    after: text`
      runners:
        config: |
          [[runners]]
            [runners.kubernetes]

              [[runners.kubernetes.services]]
                name = "docker:24-dind"
                command = [${FLAG}]
        tags: ""
    `,
  },
  {
    id: "E46 Terraform",
    path: "main.tf",
    before: text`
      runner_worker_docker_services = [{
        name    = "docker:24-dind"
        command = ["--mtu=1400"]
      }]
    `,
    left: ["template", "template"],
  },
  {
    id: "E47 a template of config.toml",
    path: "roles/runner/templates/config.toml.j2",
    before: text`
      [[runners]]
        url = "{{ url }}"
        {% for service in services %}
        [[runners.docker.services]]
          name = "{{ service }}"
        {% endfor %}
    `,
    left: ["template"],
  },
  {
    id: "E48 a flag and a mounted file",
    before: text`
      ${HEAD}  [runners.docker]
          volumes = ["/cache", "/srv/daemon.json:/etc/docker/daemon.json:ro"]
          [[runners.docker.services]]
            name = "docker:24-dind"
            command = ["--registry-mirror=https://mirror.gcr.io"]
    `,
    left: ["flag-and-file"],
  },
  {
    id: "a mounted file alone",
    before: text`
      ${HEAD}  [runners.docker]
          volumes = ["/srv/daemon.json:/etc/docker/daemon.json:ro"]
          [[runners.docker.services]]
            name = "docker:24-dind"
    `,
    left: ["file-mounted"],
  },
  {
    id: "a mounted file, and no dind of the runner's own",
    before: `${HEAD}  [runners.docker]\n    volumes = ["/etc/docker/daemon.json:/etc/docker/daemon.json:ro"]\n`,
    left: ["file-mounted"],
  },
  {
    id: "the host's socket",
    before: `${HEAD}  [runners.docker]\n    volumes = ["/var/run/docker.sock:/var/run/docker.sock"]\n`,
    left: ["runner-socket"],
  },
];

/** Rows E41 to E48: runners, Helm, Terraform. */
export const RUNNER_CASES: readonly MatrixCase[] = CASES.map((row) => ({
  path: "config.toml",
  ...row,
}));
