import { type Mirror, isSameMirror } from "./mirror.ts";

/** The flag that dockerd takes once for each mirror, and tries in that order. */
export const MIRROR_FLAG = "--registry-mirror";

/** One mirror flag in a list of arguments. */
export interface MirrorFlag {
  /** Index of the argument that is or begins with the flag. */
  readonly index: number;
  /** Index of the argument that holds the value; `index` itself for `--registry-mirror=URL`. */
  readonly valueIndex: number;
  readonly value: string;
}

/** How the arguments of a service come to the daemon. */
export type Launch =
  /** An argument added at the end reaches dockerd. */
  | "arguments"
  /** A shell gets one string; arguments after it are lost or fatal. */
  | "shell"
  /** Another program stands in between. */
  | "unknown";

const DOCKERD: ReadonlySet<string> = new Set(["dockerd", "dockerd-entrypoint.sh"]);
const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "ash", "dash", "zsh", "busybox"]);
/** Programs that run the rest of their line and hand on every argument. */
const WRAPPERS: ReadonlySet<string> = new Set([
  "env",
  "tini",
  "docker-init",
  "dumb-init",
  "catatonit",
]);

/** Finds the mirror flags, as one word or as two. A flag at the very end has no value and is not among them. */
export function findMirrorFlags(args: readonly string[]): readonly MirrorFlag[] {
  const flags: MirrorFlag[] = [];
  for (const [index, arg] of args.entries()) {
    const next = args[index + 1];
    if (arg.startsWith(`${MIRROR_FLAG}=`)) {
      flags.push({ index, valueIndex: index, value: arg.slice(MIRROR_FLAG.length + 1) });
    } else if (arg === MIRROR_FLAG && next !== undefined) {
      flags.push({ index, valueIndex: index + 1, value: next });
    }
  }
  return flags;
}

/** Arguments that dockerd refuses to start with: a flag and its value in one word, or a flag without a value. */
export function findBrokenFlag(args: readonly string[]): number | null {
  const index = args.findIndex(
    (arg, at) =>
      /^--registry-mirror\s/.test(arg) || (arg === MIRROR_FLAG && at === args.length - 1),
  );
  return index < 0 ? null : index;
}

/**
 * Says whether an argument added to a service's command reaches dockerd.
 *
 * The official image's entrypoint adds sockets and TLS only where there are no arguments or the first begins with
 * `-`, so appending changes nothing else.
 *
 * @see docker-library/docker, `dockerd-entrypoint.sh`
 */
export function findLaunch(
  entrypoint: readonly string[] | null,
  command: readonly string[],
): Launch {
  // `entrypoint: [""]` takes the image's own away: the command is the whole line.
  const prefix = entrypoint?.filter((arg) => arg !== "") ?? [];
  const isOwnEntrypoint = entrypoint === null || entrypoint.length === 0;
  const line = isOwnEntrypoint ? ["dockerd-entrypoint.sh", ...command] : [...prefix, ...command];
  const program = line.findIndex((_, at) => !isWrapperPart(line, at));
  const name = baseName(line[program] ?? "");
  if (SHELLS.has(name)) return "shell";
  if (!DOCKERD.has(name)) return "unknown";
  const next = line[program + 1];
  if (next === undefined || next.startsWith("-")) return "arguments";
  const inner = baseName(next);
  if (DOCKERD.has(inner) && isOwnEntrypoint) return findLaunch([""], command);
  return SHELLS.has(inner) ? "shell" : "unknown";
}

/** Whether an argument belongs to `env -u NAME A=b` or `tini --` rather than to what they run. */
function isWrapperPart(line: readonly string[], at: number): boolean {
  const isWrapped = WRAPPERS.has(baseName(line[0] ?? ""));
  if (!isWrapped) return false;
  const arg = line[at] ?? "";
  return at === 0 || arg.startsWith("-") || /^\w+=/.test(arg) || line[at - 1] === "-u";
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** What the mirror flags of a command amount to, seen from our mirror. */
export type FlagState =
  | { readonly state: "none" }
  | { readonly state: "ours" }
  | { readonly state: "broken"; readonly index: number }
  /** Values with a variable: nobody expands them. */
  | { readonly state: "variable"; readonly flags: readonly MirrorFlag[] }
  | { readonly state: "other"; readonly flags: readonly MirrorFlag[] };

/** Reads the mirror flags of a command. */
export function readFlagState(args: readonly string[], mirror: Mirror): FlagState {
  const broken = findBrokenFlag(args);
  if (broken !== null) return { state: "broken", index: broken };
  const flags = findMirrorFlags(args);
  if (flags.some(({ value }) => isSameMirror(value, mirror))) return { state: "ours" };
  const variable = flags.filter(({ value }) => value.includes("$"));
  if (variable.length > 0) return { state: "variable", flags: variable };
  return flags.length > 0 ? { state: "other", flags } : { state: "none" };
}

/** Whether a shell's line names the mirror, wherever in it. */
export function mentionsMirror(args: readonly string[], mirror: Mirror): boolean {
  return args.some((arg) => arg.includes(MIRROR_FLAG) && arg.includes(mirror.host));
}

/** The one-word form: it can be appended anywhere, found by text search, and not be torn apart by a later edit. */
export function mirrorArgument(mirror: Mirror): string {
  return `${MIRROR_FLAG}=${mirror.url}`;
}
