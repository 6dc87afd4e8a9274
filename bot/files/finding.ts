/** How bad a finding is: it stops something, it does nothing that it seems to do, or it is worth knowing. */
export type Severity = "error" | "warning" | "info";

/** Stable id of a rule. */
export type RuleId =
  | "service-command-variable"
  | "flag-not-split"
  | "mirror-url-scheme"
  | "mirror-url-path"
  | "mirror-host-only"
  | "flag-and-file"
  | "shell-entrypoint"
  | "honor-entrypoint"
  | "daemon-singular-key"
  | "daemon-comment"
  | "daemon-invalid-json"
  | "daemon-mirrors-no-list"
  | "buildx-container-driver"
  | "kaniko-ignores-daemon"
  | "buildah-ignores-daemon"
  | "podman-ignores-daemon"
  | "idle-variable"
  | "not-mirrored"
  | "unreadable";

interface Rule {
  readonly severity: Severity;
  /** How to mend it, as a sentence. */
  readonly mend: string;
}

/** Every rule of `tidepool lint`, in the order of the manual. */
export const RULES: Readonly<Record<RuleId, Rule>> = {
  "service-command-variable": {
    severity: "error",
    mend: "Write the value out in the command.",
  },
  "flag-not-split": {
    severity: "error",
    mend: "Write --registry-mirror=URL as one item of the list.",
  },
  "mirror-url-scheme": {
    severity: "error",
    mend: "Write the URL with https:// in front.",
  },
  "mirror-url-path": {
    severity: "error",
    mend: "Use a mirror at the root of a host, or a dind image of version 25 or later.",
  },
  "mirror-host-only": {
    severity: "error",
    mend: "Write the host alone, without https:// in front.",
  },
  "flag-and-file": {
    severity: "error",
    mend: "Set the mirror in one of the two places for each runner.",
  },
  "shell-entrypoint": {
    severity: "error",
    mend: "Put the flag into the string that the shell gets, or drop the entrypoint.",
  },
  "honor-entrypoint": {
    severity: "warning",
    mend: "Turn FF_KUBERNETES_HONOR_ENTRYPOINT off for jobs with a dind service, or set the mirror in a mounted daemon.json.",
  },
  "daemon-singular-key": {
    severity: "error",
    mend: 'Name the key "registry-mirrors" and give it a list.',
  },
  "daemon-comment": {
    severity: "error",
    mend: "Take the comments out.",
  },
  "daemon-invalid-json": {
    severity: "error",
    mend: "Make the file valid JSON.",
  },
  "daemon-mirrors-no-list": {
    severity: "error",
    mend: 'Make the value of "registry-mirrors" a list of URLs.',
  },
  "buildx-container-driver": {
    severity: "warning",
    mend: "Give docker buildx create a --buildkitd-config with the mirror in it.",
  },
  "kaniko-ignores-daemon": {
    severity: "warning",
    mend: "Set KANIKO_REGISTRY_MIRROR to the mirror's host in the job's variables.",
  },
  "buildah-ignores-daemon": {
    severity: "warning",
    mend: "Name the mirror in /etc/containers/registries.conf.d before the first pull.",
  },
  "podman-ignores-daemon": {
    severity: "warning",
    mend: "Name the mirror in /etc/containers/registries.conf.d before the first pull.",
  },
  "idle-variable": {
    severity: "warning",
    mend: "Put the flag into the command of the dind service, and remove the variable.",
  },
  "not-mirrored": {
    severity: "warning",
    mend: "Run tidepool edit with this mirror.",
  },
  unreadable: {
    severity: "warning",
    mend: "Mend the syntax, then lint again.",
  },
};

/** A mistake that `tidepool lint` names. */
export interface Finding {
  readonly rule: RuleId;
  readonly severity: Severity;
  /** Line of the source, from 1. */
  readonly line: number;
  /** What happens because of it, as a sentence. */
  readonly message: string;
  /** How to mend it, as a sentence. */
  readonly mend: string;
}

/** Makes a finding of a rule. */
export function finding(rule: RuleId, line: number, message: string): Finding {
  return { rule, line, message, ...RULES[rule] };
}
