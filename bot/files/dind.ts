/** What a service's image name says about it. */
export type ServiceClass = "dind" | "unknown" | "similar" | "other";

/** Values of variables and, as `inputs.name`, defaults of inputs. */
export type Variables = ReadonlyMap<string, string>;

/** Stands for a variable that nobody in the repository sets. */
const HOLE = "\u0000";

const VARIABLE = /\$\[\[\s*inputs\.[\w-]+[^\]]*\]\]|\$\{\w+\}|\$\w+/g;

/** Variables may name variables; GitLab goes as deep as they do, a circle must end. */
const MAX_DEPTH = 10;

/** The image's own names for a Docker daemon in a container, whatever registry or proxy they come from. */
const DIND_NAMES: ReadonlySet<string> = new Set(["dind", "docker-dind"]);

/** Fills in variables as far as they are known; the others become holes. */
export function expand(text: string, variables: Variables, depth = 0): string {
  if (depth > MAX_DEPTH) return HOLE;
  return text.replace(VARIABLE, (whole) => {
    const value = variables.get(/inputs\.[\w-]+|\w+/.exec(whole)?.[0] ?? "");
    return value === undefined ? HOLE : expand(value, variables, depth + 1);
  });
}

/**
 * Tells a Docker daemon from other services by its image name.
 *
 * `docker:24` without `dind` is a client; `redis:7` is neither. `unknown` is a variable that may hold a daemon and
 * is not set in the repository; `similar` is a name with `dind` in it that is nobody's official image.
 */
export function classifyService(name: string, variables: Variables): ServiceClass {
  const [reference = ""] = expand(name, variables).split("@");
  const segment = reference.slice(reference.lastIndexOf("/") + 1);
  const colon = segment.indexOf(":");
  const image = colon < 0 ? segment : segment.slice(0, colon);
  const tag = colon < 0 ? "" : segment.slice(colon + 1);

  // A variable right before the name is a registry prefix with its slash, as in `${PREFIX}docker:dind`.
  const bare = image.slice(image.lastIndexOf(HOLE) + 1);
  if (DIND_NAMES.has(bare) || (bare === "docker" && tag.includes("dind"))) return "dind";
  if (isOpen({ name, image, tag, bare })) return "unknown";
  return /dind/i.test(segment.replaceAll(HOLE, "")) ? "similar" : "other";
}

interface OpenName {
  readonly name: string;
  readonly image: string;
  readonly tag: string;
  readonly bare: string;
}

function isOpen({ name, image, tag, bare }: OpenName): boolean {
  if (image.includes(HOLE)) {
    const literal = image.replaceAll(HOLE, "");
    return (literal === "" || /docker|dind/i.test(literal)) && /docker|dind/i.test(name);
  }
  return bare === "docker" && tag.includes(HOLE);
}

/** Whether a string service of this name answers to the host name `docker`: only a name without a path does. */
export function hasDockerAlias(name: string): boolean {
  return !name.includes("/");
}

/** The daemon's major version as far as the tag tells, else `null`. */
export function dindMajor(name: string, variables: Variables): number | null {
  const major = /:(\d+)(?:[.-][^/]*)?$/.exec(expand(name, variables).split("@")[0] ?? "")?.[1];
  return major === undefined ? null : Number(major);
}
