import { parseRegistry, DOCKER_HUB } from "../oci/reference.ts";
import type { Credentials } from "./auth.ts";

/** A registry that is mirrored, as the operator set it. */
export interface Registry {
  /** Its host name, as images are written: the first part of every store key. */
  readonly name: string;
  /** Where its API is. */
  readonly url: URL;
  /** Hosts that tokens may come from, beside its own; `null` for those of its own registrable domain. */
  readonly realms: readonly string[] | null;
  readonly credentials: Credentials | null;
}

/**
 * Public registries that need no address: name → hosts of their token services, beside their own.
 *
 * Observed in their challenges: registry.gitlab.com names `https://gitlab.com/jwt/auth`; the others name themselves or,
 * as registry.k8s.io and mcr.microsoft.com, ask for no token.
 */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  "ghcr.io": [],
  "mcr.microsoft.com": [],
  "public.ecr.aws": [],
  "quay.io": [],
  "registry.gitlab.com": ["gitlab.com"],
  "registry.k8s.io": [],
};

/** What `UPSTREAMS` is read with. */
export interface RegistriesInput {
  readonly text: string | undefined;
  /** Reads the variable or secret of that name. */
  readonly secret: (name: string) => string | undefined;
  /** Refuses the value with a sentence that begins after the variable's name; never returns. */
  readonly refuse: (problem: string) => never;
}

/**
 * Reads `UPSTREAMS`, the registries beside Docker Hub: a JSON object of host name → settings.
 *
 * Unset: the six public ones that are known, anonymously. Set: those that it lists, and no others.
 *
 * @returns in lexical order of their names
 */
export function parseRegistries(input: RegistriesInput): readonly Registry[] {
  const listed = input.text === undefined ? unset() : readObject(input.text, "", input);
  const found = Object.entries(listed).map(([host, value]) => readRegistry(host, value, input));
  const names = new Set(found.map(({ name }) => name));
  if (names.size < found.length) input.refuse("lists a registry twice");
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Reads the address of a registry's API.
 *
 * @param refuse - gets what is wrong, without the value: what stands before an @ may be a password
 */
export function parseApiUrl(text: string, refuse: (problem: string) => never): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    return refuse("must be a URL that begins with https:// or http://");
  if (url.username !== "" || url.password !== "")
    refuse("must not hold credentials: secrets have variables of their own");
  if (url.search !== "" || url.hash !== "") refuse("must have neither query nor fragment");
  return url;
}

function unset(): Record<string, unknown> {
  return Object.fromEntries(Object.keys(KNOWN).map((name) => [name, {}]));
}

const SETTINGS = new Set(["url", "realms", "username", "token"]);

function readRegistry(host: string, value: unknown, input: RegistriesInput): Registry {
  const name = parseRegistry(host);
  if (name === null) return input.refuse(`names ${JSON.stringify(host)}, which is no host name`);
  if (name === DOCKER_HUB)
    input.refuse("lists docker.io, which is always there: UPSTREAM and DOCKERHUB_… set it");
  const settings = readObject(value, name, input);
  const refuse = (problem: string): never => input.refuse(`has ${name}, whose ${problem}`);
  for (const setting of Object.keys(settings))
    if (!SETTINGS.has(setting))
      refuse(`setting ${JSON.stringify(setting)} is none of ${[...SETTINGS].join(", ")}`);
  const { url, realms } = settings;
  if (url !== undefined && typeof url !== "string") return refuse("url must be a text");
  const known = url === undefined ? (KNOWN[name] ?? null) : null;
  return {
    name,
    url: parseApiUrl(url ?? `https://${name}`, (problem) => refuse(`url ${problem}`)),
    realms: realms === undefined ? known : readHosts(realms, refuse),
    credentials: readCredentials(settings, input, refuse),
  };
}

function readHosts(value: unknown, refuse: (problem: string) => never): readonly string[] {
  const hosts = Array.isArray(value) ? (value as unknown[]) : refuse("realms must be a list");
  return hosts.map((host) =>
    typeof host === "string" && /^[a-z0-9.-]+$/.test(host)
      ? host
      : refuse("realms must be host names in lower case, without a port"),
  );
}

/** Names, not values: what is secret never stands in a variable that is shown. */
function readCredentials(
  settings: Record<string, unknown>,
  input: RegistriesInput,
  refuse: (problem: string) => never,
): Credentials | null {
  const { username, token } = settings;
  if (username === undefined && token === undefined) return null;
  const read = (setting: string, variable: unknown): string => {
    if (typeof variable !== "string" || !/^[A-Z][A-Z0-9_]*$/.test(variable))
      return refuse(`${setting} must be the name of the variable that holds it`);
    const value = input.secret(variable) ?? "";
    return value === "" ? refuse(`${setting} is in ${variable}, which is not set`) : value;
  };
  const name = read("username", username);
  if (name.includes(":")) refuse("username must not hold a colon");
  return { username: name, password: read("token", token) };
}

function readObject(value: unknown, what: string, input: RegistriesInput): Record<string, unknown> {
  const parsed: unknown = what === "" ? parseJson(String(value)) : value;
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
    return parsed as Record<string, unknown>;
  return input.refuse(
    what === ""
      ? 'must be a JSON object of registries, as in {"ghcr.io": {}}'
      : `has ${what}, whose settings must be an object`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
