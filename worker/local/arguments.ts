import { parseArgs } from "node:util";

/** What `npm start` was asked for. */
export interface LocalOptions {
  readonly host: string;
  readonly port: number;
  /** Folder that keeps everything between runs. */
  readonly data: string;
  /** The Worker's variables. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Thrown for wrong use; the message is meant for a terminal. */
export class UsageError extends Error {
  override readonly name = "UsageError" as const;
}

/** Shown by `--help`. */
export const USAGE = `Usage: npm start [-- options]

  --port N            port to listen on, 0 for any free one (default 8787)
  --host ADDRESS      address to listen on (default 127.0.0.1)
  --data FOLDER       where images and state are kept (default .tidepool)
  --var NAME=VALUE    a variable of the Worker; may be repeated
                      UPSTREAM, UPSTREAMS, SOURCES, DOCKERHUB_USERNAME, DOCKERHUB_TOKEN, PRIVATE_REPOSITORIES,
                      PUBLIC_REPOSITORIES, PUBLIC_TTL_SECONDS, TAG_TTL_SECONDS, ACCESS, ACCESS_TOKENS, ADMIN_TOKEN,
                      PULL_LOG_DAYS, QUOTA_WARNING_PERCENT, RETENTION_DAYS, STORAGE_LIMIT_BYTES
  --help              this text

Example: npm start -- --port 5000 --var TAG_TTL_SECONDS=300
Each of these variables is also taken from the environment, where no --var gives it, and so are those that UPSTREAMS
names for a registry's username and token. An empty one counts as not set. Secrets are best given so: arguments show
in every process list.
`;

const VARIABLES: ReadonlySet<string> = new Set([
  "UPSTREAM",
  "UPSTREAMS",
  "SOURCES",
  "DOCKERHUB_USERNAME",
  "DOCKERHUB_TOKEN",
  "PRIVATE_REPOSITORIES",
  "PUBLIC_REPOSITORIES",
  "PUBLIC_TTL_SECONDS",
  "TAG_TTL_SECONDS",
  "ACCESS",
  "ACCESS_TOKENS",
  "ADMIN_TOKEN",
  "PULL_LOG_DAYS",
  "QUOTA_WARNING_PERCENT",
  "RETENTION_DAYS",
  "STORAGE_LIMIT_BYTES",
]);

/**
 * Reads the arguments of `npm start`.
 *
 * @returns `null` where only help was asked for
 * @throws {@link UsageError} that names what is wrong
 */
export function parseArguments(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): LocalOptions | null {
  const { values } = parse(args);
  if (values.help) return null;
  // On one machine it listens to this machine alone, so it is open unless something else is said.
  const variables: Record<string, string> = { ACCESS: "open" };
  const given = values.var.map((pair): [string, string] => {
    const [, name = pair, value = ""] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    return [name, value];
  });
  const upstreams = given.findLast(([name]) => name === "UPSTREAMS")?.[1];
  const named = readSecretNames(upstreams ?? environment["UPSTREAMS"]);
  // By these names alone, and not by a prefix: a shell has much that is none of the mirror's business.
  for (const name of [...VARIABLES, ...named]) {
    const value = environment[name];
    if (value !== undefined && value !== "") variables[name] = value;
  }
  for (const [name, value] of given) {
    if (!VARIABLES.has(name) && !named.includes(name))
      throw new UsageError(`--var ${name}: known are ${[...VARIABLES].join(", ")}`);
    variables[name] = value;
  }
  const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError("--port must be a number from 0 to 65535");
  return { host: values.host, port, data: values.data, variables };
}

/** The variables that hold registries' accounts. What is wrong in `UPSTREAMS` the Worker itself refuses. */
function readSecretNames(upstreams = "{}"): string[] {
  const names: string[] = [];
  try {
    JSON.parse(upstreams, (setting, value: unknown) => {
      const isName = (setting === "username" || setting === "token") && typeof value === "string";
      if (isName && /^[A-Z][A-Z0-9_]*$/.test(value)) names.push(value);
      return value;
    });
  } catch {
    // No JSON: as the Worker says.
  }
  return names;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: "string", default: "8787" },
        host: { type: "string", default: "127.0.0.1" },
        data: { type: "string", default: ".tidepool" },
        var: { type: "string", multiple: true, default: [] },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
