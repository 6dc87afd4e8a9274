import { type MirrorFlag, findLaunch, mentionsMirror, readFlagState } from "./dockerd-command.ts";
import type { Mirror } from "./mirror.ts";
import type { EditOptions } from "./types.ts";

/** What is to be done about the arguments of a Docker daemon. */
export type Decision =
  | { readonly action: "already" }
  | { readonly action: "leave"; readonly code: string; readonly reason: string }
  /** One more argument, at the end. */
  | { readonly action: "append" }
  /** One more argument, before the first of these flags. */
  | { readonly action: "prepend"; readonly flags: readonly MirrorFlag[] }
  /** Our URL in place of the value of each of these flags. */
  | { readonly action: "set"; readonly flags: readonly MirrorFlag[]; readonly isRepair: boolean }
  /** Our URL in place of the first, and the others out. */
  | { readonly action: "replace"; readonly flags: readonly MirrorFlag[] };

/** The arguments of a service: what its image starts with, `null` for the image's own, and what is handed to that. */
export interface DaemonArguments {
  readonly entrypoint: readonly string[] | null;
  readonly command: readonly string[];
  /** The daemon's version, where its image's tag tells. */
  readonly major?: number | null;
}

/** dockerd takes a mirror URL with a path since this version; one before does not start with it. */
const PATH_MAJOR = 25;

/** Why a daemon of a known version would not start with this mirror; `null` where it would, or where that is not known. */
export function refusesPath(major: number | null, mirror: Mirror): string | null {
  if (!mirror.hasPath || major === null || major >= PATH_MAJOR) return null;
  return `dockerd of version ${major} refuses a mirror URL with a path and does not start: take a dind image of version ${PATH_MAJOR} or later, or a mirror at the root of a host`;
}

/** Decides what sets the mirror of a Docker daemon that is started with these arguments. */
export function decide(
  { entrypoint, command, major = null }: DaemonArguments,
  options: EditOptions,
): Decision {
  const { mirror, conflict } = options;
  const all = [...(entrypoint ?? []), ...command];
  const launch = findLaunch(entrypoint, command);
  if (launch === "shell" && mentionsMirror(all, mirror)) return { action: "already" };
  if (launch === "shell") {
    return leave(
      "shell-entrypoint",
      "a shell gets the whole command as one string: an added argument would not reach dockerd",
    );
  }
  if (launch === "unknown") {
    return leave(
      "unknown-entrypoint",
      "its entrypoint or command is no program known to hand arguments on to dockerd",
    );
  }
  if (all.some((arg) => arg.startsWith("--config-file"))) {
    return leave(
      "config-file",
      "it reads a --config-file, and dockerd refuses to start where flag and file both set mirrors: set it in that file",
    );
  }
  const refusal = refusesPath(major, mirror);
  if (refusal !== null) return leave("old-dockerd", refusal);
  const ofEntrypoint = readFlagState(entrypoint ?? [], mirror).state;
  const state = readFlagState(command, mirror);
  if (ofEntrypoint === "ours" || state.state === "ours") return { action: "already" };
  if (ofEntrypoint !== "none") return leave("other-mirror", "its entrypoint sets another mirror");
  if (state.state === "none") return { action: "append" };
  if (state.state === "broken") {
    return leave(
      "broken-flag",
      `dockerd does not start with "${command[state.index]}" as one argument`,
    );
  }
  if (state.state === "variable") return { action: "set", flags: state.flags, isRepair: true };
  if (conflict === "prepend") return { action: "prepend", flags: state.flags };
  if (conflict === "replace") {
    return state.flags.length === 1
      ? { action: "set", flags: state.flags, isRepair: false }
      : { action: "replace", flags: state.flags };
  }
  return leave("other-mirror", `it uses another mirror, ${describeFlags(state.flags)}`);
}

/** The values of flags, for a sentence. */
function describeFlags(flags: readonly MirrorFlag[]): string {
  return flags.map(({ value }) => value).join(", ");
}

/** What an edit does, as a clause about a service. */
export function describeDecision(name: string, decision: Decision): string {
  if (decision.action === "prepend") {
    return `${name} asks this mirror before ${describeFlags(decision.flags)}`;
  }
  if (decision.action === "set" && decision.isRepair) {
    return `${name}: nobody expands a variable here, so the mirror's URL takes its place`;
  }
  return decision.action === "set" || decision.action === "replace"
    ? `${name}: the mirror takes the place of ${describeFlags(decision.flags)}`
    : `${name} gets --registry-mirror`;
}

function leave(code: string, reason: string): Decision {
  return { action: "leave", code, reason };
}
