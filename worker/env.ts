import { type AccessRules, parseRules } from "./access/rules.ts";
import { type TokenSecret, parseTokens } from "./access/tokens.ts";
import type { BlobFillObject } from "./objects/blob-fill.ts";
import type { InventoryObject } from "./objects/inventory.ts";
import type { LedgerObject } from "./objects/ledger.ts";
import type { ManifestGateObject } from "./objects/manifest-gate.ts";
import { DOCKER_HUB } from "./oci/reference.ts";
import type { Credentials } from "./upstream/auth.ts";
import { type RepositoryList, parseRepositoryList } from "./proxy/repository-list.ts";
import { type Source, parseSources } from "./upstream/sources.ts";
import { type Registry, parseApiUrl, parseRegistries } from "./upstream/registries.ts";

/** The Worker's bindings, as wrangler.toml names them. */
export interface Env {
  readonly STORE: R2Bucket;
  readonly MANIFEST_GATE: DurableObjectNamespace<ManifestGateObject>;
  readonly BLOB_FILL: DurableObjectNamespace<BlobFillObject>;
  readonly LEDGER: DurableObjectNamespace<LedgerObject>;
  readonly INVENTORY: DurableObjectNamespace<InventoryObject>;
  readonly UPSTREAM?: string;
  readonly UPSTREAMS?: string;
  readonly DOCKERHUB_USERNAME?: string;
  readonly DOCKERHUB_TOKEN?: string;
  readonly SOURCES?: string;
  readonly PRIVATE_REPOSITORIES?: string;
  readonly PUBLIC_REPOSITORIES?: string;
  readonly PUBLIC_TTL_SECONDS?: string;
  readonly TAG_TTL_SECONDS?: string;
  readonly ACCESS?: string;
  readonly ACCESS_TOKENS?: string;
  readonly ADMIN_TOKEN?: string;
  readonly PULL_LOG_DAYS?: string;
  readonly QUOTA_WARNING_PERCENT?: string;
  readonly RETENTION_DAYS?: string;
  readonly STORAGE_LIMIT_BYTES?: string;
  /** Which version this is; Cloudflare alone knows. */
  readonly CF_VERSION_METADATA?: WorkerVersionMetadata;
  /** Set by `npm start` alone: no edge stands before the Worker. */
  readonly LOCAL?: string;
  /** Set by `npm start` alone: a folder, and what looks after it. @see worker/store/files.ts */
  readonly DISK?: Fetcher;
  readonly KEEPER?: Fetcher;
}

/** The variables, read and checked. */
export interface Config {
  /** Docker Hub first. */
  readonly registries: readonly Registry[];
  /** Where public content of Docker Hub's is had by digest, before Docker Hub itself. */
  readonly sources: readonly Source[];
  /** What clients with a token may read though it is not public. */
  readonly privateRepositories: RepositoryList;
  /** What is public without a proof; never what is listed as private. */
  readonly publicRepositories: Pick<RepositoryList, "has">;
  /** For how long a repository counts as public once it was proven to be. */
  readonly publicTtlMs: number;
  readonly tagTtlMs: number;
  /** Who may pull; without rules nobody may. */
  readonly access: { readonly rules: AccessRules; readonly secrets: readonly TokenSecret[] };
  /** What the API wants as a bearer token; `null` for no token. */
  readonly adminToken: string | null;
  /** Less of a pull limit left than this share of it, 0 to 1, is worth a warning. */
  readonly quotaWarnShare: number;
  /** How long the pull log is kept. */
  readonly pullLogMs: number;
  /** How long an image is kept after its last pull; `null` for ever. */
  readonly retentionMs: number | null;
  /** Bytes that the store may hold; `null` for any number. */
  readonly limitBytes: number | null;
  /** Whether it runs on a machine of the user's own. */
  readonly local: boolean;
}

/** Thrown where a variable is wrong. The message names it and never holds a secret's value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError" as const;
  readonly variable: string;

  constructor(variable: string, problem: string) {
    super(`${variable} ${problem}`);
    this.variable = variable;
  }
}

/**
 * Docker Official Images: the namespace is Docker's own, and nothing in it is private. Most pulls are of these, and none
 * of them should depend on what Docker Hub answers to a stranger.
 */
const OFFICIAL_IMAGES = "library/*";
const DEFAULT_UPSTREAM = "https://registry-1.docker.io";
/** A HEAD per tag and minute costs nothing at Docker Hub and keeps `latest` honest. */
const DEFAULT_TAG_TTL_SECONDS = 60;
/** What a repository's owner may expect of a change to private, and what a HEAD costs for each of them. */
const DEFAULT_PUBLIC_TTL_SECONDS = 3600;
const MAX_TTL_SECONDS = 30 * 24 * 3600;
const DAY_MS = 24 * 3_600_000;
const DEFAULT_PULL_LOG_DAYS = 30;
/** What one ledger object can hold of a busy mirror: `ledger/sql-schema.ts` has the arithmetic. */
const MAX_PULL_LOG_DAYS = 90;
/** Ten years. */
const MAX_RETENTION_DAYS = 3_650;
/** Of Docker Hub's 100 and 200 pulls in 6 hours, about what a busy pipeline takes cold. */
const DEFAULT_QUOTA_WARNING_PERCENT = "20";
/** 16 characters of letters and digits are 95 bits: nobody guesses them over HTTP. */
const MIN_ADMIN_TOKEN = 16;

/**
 * Reads the Worker's variables.
 *
 * @throws {@link ConfigError} that names the variable; nothing is silently replaced by a default
 */
export function parseConfig(env: Env): Config {
  const registries = [readDockerHub(env), ...readRegistries(env)];
  const access = readAccess(env);
  const privateRepositories = readPrivateRepositories(env, { registries, access });
  const { TAG_TTL_SECONDS, PUBLIC_TTL_SECONDS } = env;
  return {
    registries,
    sources: readSources(env),
    privateRepositories,
    publicRepositories: readPublicRepositories(env, { registries, privateRepositories }),
    publicTtlMs:
      readSeconds("PUBLIC_TTL_SECONDS", PUBLIC_TTL_SECONDS, DEFAULT_PUBLIC_TTL_SECONDS) * 1000,
    tagTtlMs: readSeconds("TAG_TTL_SECONDS", TAG_TTL_SECONDS, DEFAULT_TAG_TTL_SECONDS) * 1000,
    access,
    adminToken: readAdminToken(env.ADMIN_TOKEN),
    quotaWarnShare: readPercent(env.QUOTA_WARNING_PERCENT) / 100,
    pullLogMs: readDays("PULL_LOG_DAYS", env.PULL_LOG_DAYS) * DAY_MS,
    retentionMs: readRetention(env.RETENTION_DAYS),
    limitBytes: readLimit(env.STORAGE_LIMIT_BYTES),
    local: env.LOCAL === "1",
  };
}

/** Names the host that stands for Docker Hub by `UPSTREAM`; `null` where it is Docker Hub's own. */
export function nameUpstream({ registries }: Pick<Config, "registries">): string | null {
  const url = registries.find(({ name }) => name === DOCKER_HUB)?.url;
  return url === undefined || url.host === new URL(DEFAULT_UPSTREAM).host ? null : url.host;
}

function readDockerHub(env: Env): Registry {
  const url = parseApiUrl(env.UPSTREAM ?? DEFAULT_UPSTREAM, refuseBy("UPSTREAM"));
  return { name: DOCKER_HUB, url, realms: null, credentials: readCredentials(env) };
}

function readRegistries(env: Env): readonly Registry[] {
  // Bindings of other kinds are no texts.
  const secret = (name: string): string | undefined => {
    const value = (env as unknown as Record<string, unknown>)[name];
    return typeof value === "string" ? value : undefined;
  };
  return parseRegistries({ text: env.UPSTREAMS, secret, refuse: refuseBy("UPSTREAMS") });
}

function readSources({ SOURCES = "" }: Env): readonly Source[] {
  const refuse = refuseBy("SOURCES");
  return parseSources(SOURCES, (text) => parseApiUrl(text, refuse), refuse);
}

function readCredentials(env: Env): Credentials | null {
  const { DOCKERHUB_USERNAME: username = "", DOCKERHUB_TOKEN: password = "" } = env;
  if (username === "" && password === "") return null;
  if (username === "")
    throw new ConfigError("DOCKERHUB_USERNAME", "is missing beside DOCKERHUB_TOKEN");
  if (password === "")
    throw new ConfigError("DOCKERHUB_TOKEN", "is missing beside DOCKERHUB_USERNAME");
  if (username.includes(":")) throw new ConfigError("DOCKERHUB_USERNAME", "must not hold a colon");
  return { username, password };
}

/** Nobody could be let in, or nothing be had: that is said here and not by a 404 to whoever pulls. */
function readPrivateRepositories(
  env: Env,
  { registries, access }: Pick<Config, "registries" | "access">,
): RepositoryList {
  const refuse = refuseBy("PRIVATE_REPOSITORIES");
  const listed = parseRepositoryList(env.PRIVATE_REPOSITORIES ?? "", refuse);
  if (listed.upstreams.length > 0 && access.rules.tokens.length === 0)
    refuse("needs a token:<name> in ACCESS: only clients with a token may pull them");
  const bare = listed.upstreams.find(
    (upstream) => !registries.some(({ name, credentials }) => name === upstream && credentials),
  );
  if (bare !== undefined) refuse(`has repositories of ${bare}, for which there is no account`);
  return listed;
}

/** What stands in both lists is private. */
function readPublicRepositories(
  env: Env,
  { registries, privateRepositories }: Pick<Config, "registries" | "privateRepositories">,
): Config["publicRepositories"] {
  const refuse = refuseBy("PUBLIC_REPOSITORIES");
  const listed = parseRepositoryList(`${OFFICIAL_IMAGES} ${env.PUBLIC_REPOSITORIES ?? ""}`, refuse);
  const unknown = listed.upstreams.find((name) => !registries.some((known) => known.name === name));
  if (unknown !== undefined) refuse(`has repositories of ${unknown}, which is not in UPSTREAMS`);
  return { has: (key) => listed.has(key) && !privateRepositories.has(key) };
}

function readSeconds(variable: string, value: string | undefined, orElse: number): number {
  if (value === undefined) return orElse;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(seconds <= MAX_TTL_SECONDS))
    throw new ConfigError(variable, `must be whole seconds from 0 to ${MAX_TTL_SECONDS}`);
  return seconds;
}

function readPercent(value = DEFAULT_QUOTA_WARNING_PERCENT): number {
  const percent = /^\d{1,3}$/.test(value) ? Number(value) : Number.NaN;
  if (!(percent <= 100))
    throw new ConfigError("QUOTA_WARNING_PERCENT", "must be a whole number from 0 to 100");
  return percent;
}

function readAccess(env: Env): Config["access"] {
  const rules = parseRules(env.ACCESS ?? "", refuseBy("ACCESS"));
  const secrets = parseTokens(env.ACCESS_TOKENS ?? "", refuseBy("ACCESS_TOKENS"));
  // A secret without a rule lets nobody in, so that secrets can be put first and the rule then.
  const missing = rules.tokens.find((name) => !secrets.some((secret) => secret.name === name));
  if (missing !== undefined)
    throw new ConfigError("ACCESS", `names token:${missing}, which has no secret in ACCESS_TOKENS`);
  if (env.LOCAL === "1" && rules.ranges.length > 0)
    throw new ConfigError(
      "ACCESS",
      "has cidr:, which works at Cloudflare alone: here nothing vouches for a client's address",
    );
  return { rules, secrets };
}

function refuseBy(variable: string): (problem: string) => never {
  return (problem) => {
    throw new ConfigError(variable, problem);
  };
}

function readAdminToken(value: string | undefined): string | null {
  if (value === undefined) return null;
  // Not shown back. What cannot stand in a header could never be sent.
  if (!/^[\x21-\x7e]+$/.test(value) || value.length < MIN_ADMIN_TOKEN)
    throw new ConfigError(
      "ADMIN_TOKEN",
      `must be at least ${MIN_ADMIN_TOKEN} characters of ASCII without spaces`,
    );
  return value;
}

function readDays(variable: string, value: string | undefined): number {
  if (value === undefined) return DEFAULT_PULL_LOG_DAYS;
  const days = /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (days < 1 || days > MAX_PULL_LOG_DAYS)
    throw new ConfigError(variable, `must be whole days from 1 to ${MAX_PULL_LOG_DAYS}`);
  return days;
}

function readRetention(value: string | undefined): number | null {
  if (value === undefined) return null;
  const days = /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (days < 1 || days > MAX_RETENTION_DAYS)
    throw new ConfigError("RETENTION_DAYS", `must be whole days from 1 to ${MAX_RETENTION_DAYS}`);
  return days * DAY_MS;
}

function readLimit(value: string | undefined): number | null {
  if (value === undefined) return null;
  const bytes = /^\d{1,16}$/.test(value) ? Number(value) : 0;
  if (bytes < 1 || !Number.isSafeInteger(bytes))
    throw new ConfigError("STORAGE_LIMIT_BYTES", "must be a whole number of bytes, 1 or more");
  return bytes;
}
