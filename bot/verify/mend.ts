import type { Mirror } from "../files/mirror.ts";
import type { NoteKind } from "../trace/trace.ts";
import type { JudgedImage } from "./verdict.ts";

/** The one edit that sends a client through the mirror. */
export interface Mend {
  /** Where it goes, in words. */
  readonly where: string;
  readonly code: string;
  readonly language: "yaml" | "json" | "toml";
}

/** Finds the edit for an image that bypassed the mirror; `null` for all others. */
export function mendFor({ image, job, verdict }: JudgedImage, mirror: Mirror): Mend | null {
  if (verdict !== "bypassed") return null;
  const has = (kind: NoteKind): boolean => job.trace.notes.some((note) => note.kind === kind);
  switch (image.tool) {
    case "kaniko":
      return kaniko(mirror);
    case "podman":
      return podman(mirror);
    case "buildkit":
      return has("container-driver") ? buildkit(mirror) : dockerd(mirror, has("dind"));
    case "docker":
      return dockerd(mirror, has("dind"));
    case "runner":
    case "kubernetes":
      return hostDockerd(mirror);
    default:
      return image.tool satisfies never;
  }
}

/** Whatever daemon serves the job: its own service where the log shows one, else the host's. */
function dockerd(mirror: Mirror, hasDind: boolean): Mend {
  if (!hasDind) return hostDockerd(mirror);
  return {
    where:
      "In `.gitlab-ci.yml`, at the job's dind service (`tidepool edit --write` does it for every job):",
    language: "yaml",
    code: `services:\n  - name: docker:dind # as it is now\n    command: ["--registry-mirror=${mirror.url}"]`,
  };
}

function hostDockerd(mirror: Mirror): Mend {
  return {
    where:
      "The log shows no dind service, so the daemon is the runner host's. In its `/etc/docker/daemon.json`, then reload it:",
    language: "json",
    code: `{ "registry-mirrors": ["${mirror.url}"] }`,
  };
}

function buildkit(mirror: Mirror): Mend {
  const plain = mirror.insecure ? `\n[registry."${mirror.host}"]\n  http = true` : "";
  return {
    where:
      "buildx builds in a container of its own, which does not know dockerd's mirrors. In a file `ci/buildkitd.toml`, with `docker buildx create --use --buildkitd-config ci/buildkitd.toml`:",
    language: "toml",
    code: `[registry."docker.io"]\n  mirrors = ["${mirror.host}"]${plain}`,
  };
}

function kaniko(mirror: Mirror): Mend {
  return {
    where: "In `.gitlab-ci.yml`, at the job that runs kaniko:",
    language: "yaml",
    code: `variables:\n  KANIKO_REGISTRY_MIRROR: ${mirror.host}`,
  };
}

function podman(mirror: Mirror): Mend {
  const plain = mirror.insecure ? "\ninsecure = true" : "";
  return {
    where:
      "Before the job's first pull, in `/etc/containers/registries.conf.d/mirror.conf` (without root: `~/.config/containers/registries.conf`):",
    language: "toml",
    code: `[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "${mirror.host}"${plain}`,
  };
}
