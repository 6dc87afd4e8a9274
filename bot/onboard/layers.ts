import type { Examination } from "./examine.ts";

/**
 * How a repository takes part in the one mistake that no repository shows by itself.
 *
 * dockerd refuses to start where `registry-mirrors` is given both as a flag and in its configuration file, even with
 * the same value. The flag is in a project's CI file; the file is mounted into every service by a runner.
 */
export interface LayerUse {
  readonly path: string;
  /** Whether a dind service of it has, or would get, `--registry-mirror`. */
  readonly flag: Use;
  /** Whether it mounts a `daemon.json` with `registry-mirrors` into services, or would. */
  readonly file: Use;
  /** Whether it mounts a `daemon.json` that it does not hold itself: nobody can tell what is in there. */
  readonly isMountUnknown: boolean;
}

/** Not at all, as it is, or only once its merge request is merged. */
type Use = "none" | "present" | "planned";

const FLAG = "--registry-mirror";
/** A volume `host:/etc/docker/daemon.json[:ro]`, or a Kubernetes `mount_path`. */
const MOUNT = /:\/etc\/docker\/daemon\.json\b|mount_path\s*=\s*["']\/etc\/docker\/daemon\.json["']/;
const KEY = /"registry-mirrors"/;

/** Reads from an examination which of the two a repository uses. */
export function readLayerUse(
  { project, plan, files }: Examination,
  kind: "project" | "runner-config",
): LayerUse {
  const after = new Map(plan.files.map((file) => [file.path, file.after]));
  const texts = [...files.opened].map(([path, { text }]) => ({
    path,
    before: text ?? "",
    after: after.get(path) ?? text ?? "",
  }));
  const use = (
    test: (
      text: { path: string; before: string; after: string },
      side: "before" | "after",
    ) => boolean,
  ): Use => {
    if (texts.some((text) => test(text, "before"))) return "present";
    return texts.some((text) => test(text, "after")) ? "planned" : "none";
  };
  const mounted = use((text, side) => MOUNT.test(text[side]));
  const keyed = use((text, side) => KEY.test(text[side]));
  return {
    path: project.path,
    isMountUnknown: kind === "runner-config" && mounted !== "none" && keyed === "none",
    flag: use((text, side) => isYaml(text.path) && text[side].includes(FLAG)),
    file: kind === "runner-config" ? both(mounted, keyed) : "none",
  };
}

function isYaml(path: string): boolean {
  return /\.ya?ml$/.test(path);
}

function both(one: Use, other: Use): Use {
  if (one === "none" || other === "none") return "none";
  return one === "present" && other === "present" ? "present" : "planned";
}

/**
 * Finds the merge requests that must not be opened, with the reason.
 *
 * What is present stays; what is planned and clashes with it, or with something else that is planned, is held back.
 */
export function findConflicts(uses: readonly LayerUse[]): ReadonlyMap<string, string> {
  const flagged =
    uses.find(({ flag }) => flag === "present") ?? uses.find(({ flag }) => flag !== "none");
  const mounting =
    uses.find(({ file }) => file === "present") ?? uses.find(({ file }) => file !== "none");
  const conflicts = new Map<string, string>();
  if (!flagged || !mounting) return conflicts;
  for (const { path, flag, file } of uses) {
    if (flag === "planned") {
      conflicts.set(path, clash(`${mounting.path} mounts a daemon.json with registry-mirrors`));
    }
    if (file === "planned") conflicts.set(path, clash(`${flagged.path} has ${FLAG} on a service`));
  }
  return conflicts;
}

function clash(other: string): string {
  return `${other}, and dockerd refuses to start with both; choose one layer with --only, or in .tidepool.yml`;
}
