import { Access } from "./access/access.ts";
import { Admin } from "./access/admin.ts";
import { FailedAttempts } from "./access/attempts.ts";
import { type Config, type Env, parseConfig } from "./env.ts";
import type { Inventory, ManifestUse } from "./inventory/inventory.ts";
import { withinReach } from "./inventory/within-reach.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { DirectGate } from "./proxy/manifest-gate.ts";
import { type Account, formatAccount } from "./ledger/credential.ts";
import { DOCKER_HUB } from "./oci/reference.ts";
import { type ProofLog, Prover } from "./proxy/proof.ts";
import { Recorder } from "./proxy/recorder.ts";
import { type ManifestMemory, createManifestMemory, forgetManifest } from "./proxy/manifest.ts";
import { UseTeller } from "./proxy/use-teller.ts";
import { createLocalStore } from "./store/files.ts";
import { createR2Store } from "./store/r2.ts";
import type { RepositoryKey, Store } from "./store/store.ts";
import { type TokenCache, createTokenCache } from "./upstream/auth.ts";
import { createUpstreamClient } from "./upstream/client.ts";
import { LYING_SOURCE } from "./upstream/errors.ts";
import type { Registry } from "./upstream/registries.ts";
import { type RestingSources, createSourcedUpstream, withPrefix } from "./upstream/sources.ts";
import { hostOf } from "./upstream/trust.ts";
import type { Upstream, Upstreams } from "./upstream/upstream.ts";
import { createUpstreams } from "./upstream/upstreams.ts";
import { VERSION } from "./version.ts";

type WaitUntil = (work: Promise<unknown>) => void;

/** What requests and Durable Objects of one isolate are made of. */
export interface Parts {
  readonly config: Config;
  readonly access: Access;
  readonly admin: Admin;
  readonly store: Store;
  readonly memory: ManifestMemory;
  /** Of everything that this isolate serves. */
  readonly recorder: Recorder;
  readonly ledger: () => Ledger;
  /** The ledger, and the inventory with what it has to know of each batch. */
  readonly records: () => Pick<Ledger, "record">;
  /** What the store holds; a call that fails or hangs is a store's error. */
  readonly inventory: Inventory;
  /** Of the registries that are mirrored, Docker Hub first. */
  readonly accounts: readonly Account[];
  /** The name of the credential in use at an upstream, which is no secret. */
  readonly credential: (upstream: string) => string;
  /**
   * Clients for one request or one Durable Object; tokens are shared, requests under way are not.
   *
   * @param waitUntil - keeps the context alive until what it caused is recorded
   */
  readonly createUpstreams: (waitUntil: WaitUntil) => Upstreams;
  /** @param proofs - by default of this gate alone */
  readonly createGate: (waitUntil: WaitUntil, proofs?: ProofLog) => DirectGate;
  readonly warn: (message: string, error: unknown) => void;
}

const made = new WeakMap<Env, Parts>();

/**
 * Makes the parts of an isolate, once per `env`.
 *
 * @throws {@link ConfigError} where a variable is wrong
 */
export function createParts(env: Env): Parts {
  const known = made.get(env);
  if (known !== undefined) return known;
  const config = parseConfig(env);
  const store = createStore(env);
  const now = Date.now;
  const { registries } = config;
  const createClients = createClientsOf(config);
  const recorder = new Recorder({ warn, now });
  const createLedgered = (waitUntil: WaitUntil): Upstreams =>
    createClients((source) => {
      warn("a source sent bytes of another digest", new Error(source));
      recorder.failure({ upstream: source, kind: LYING_SOURCE }, { ledger, waitUntil });
    });
  const memory = createManifestMemory();
  const inventory = withinReach(() => env.INVENTORY.getByName("inventory"));
  const forget = ({ key, digest }: ManifestUse): void => forgetManifest(memory, key, digest);
  const uses = new UseTeller({ inventory, forget, warn });
  const ledger = (): Ledger => env.LEDGER.getByName("ledger");
  const parts: Parts = {
    config,
    access: new Access({ ...config.access, attempts: new FailedAttempts(now), now }),
    admin: new Admin({
      token: config.adminToken,
      // Page and API name every repository: where some are private, whoever may pull is not to read them there.
      isOpen:
        config.local &&
        config.access.rules.open &&
        config.privateRepositories.upstreams.length === 0,
      // Counted apart: who mistypes a secret for pulls must not keep the operator of his office out.
      attempts: new FailedAttempts(now),
    }),
    store,
    memory,
    inventory,
    recorder,
    ledger,
    records: () => ({
      record: async (batch) => {
        await Promise.all([ledger().record(batch), uses.tell(batch)]);
      },
    }),
    accounts: registries.map(({ name: upstream }) => nameAccount(registries, upstream)),
    credential: (upstream) => formatAccount(nameAccount(registries, upstream)),
    createUpstreams: createLedgered,
    createGate: createGates({ config, store, inventory, createUpstreams: createLedgered }),
    warn,
  };
  made.set(env, parts);
  return parts;
}

/** R2; on one machine a folder has the bytes. */
function createStore({ STORE, DISK, KEEPER }: Env): Store {
  if (DISK === undefined || KEEPER === undefined) return createR2Store(STORE);
  return createLocalStore(STORE, { files: DISK, keeper: KEEPER });
}

function createGates(
  parts: Pick<Parts, "config" | "store" | "inventory" | "createUpstreams">,
): Parts["createGate"] {
  const { config, store, inventory, createUpstreams: create } = parts;
  const { tagTtlMs, publicTtlMs, privateRepositories, publicRepositories } = config;
  const isPublic = (key: RepositoryKey): boolean => publicRepositories.has(key);
  const isPrivate = (key: RepositoryKey): boolean => privateRepositories.has(key);
  const now = Date.now;
  return (waitUntil, proofs = createForgetfulLog()) => {
    const upstreams = create(waitUntil);
    const prover = new Prover({ upstreams, proofs, publicTtlMs, isPublic, now });
    const stored = { store, inventory, upstreams, prover, tagTtlMs };
    return new DirectGate({ ...stored, isPrivate, waitUntil, now, warn });
  };
}

function nameAccount(registries: readonly Registry[], upstream: string): Account {
  const found = registries.find(({ name }) => name === upstream);
  return { upstream, credential: found?.credentials?.username ?? "anonymous" };
}

/** What one isolate learns of a registry's tokens is kept apart from every other registry's. */
function createClientsOf(config: Config): (lied: (source: string) => void) => Upstreams {
  const { registries, sources } = config;
  const hosts = registries.flatMap(({ name, url }) => [name, hostOf(url)]);
  const othersOf = (...own: readonly string[]): ReadonlySet<string> =>
    new Set(hosts.filter((host) => !own.includes(host)));
  const known = new Map(
    registries.map((registry) => {
      const caches = { account: createTokenCache(), anonymous: createTokenCache() };
      return [
        registry.name,
        { registry, caches, others: othersOf(registry.name, hostOf(registry.url)) },
      ];
    }),
  );
  const create = (name: string, identity: "account" | "anonymous"): Upstream => {
    const found = known.get(name);
    if (found === undefined) throw new Error(`no registry ${name}`);
    const { registry, caches, others } = found;
    const credentials = identity === "account" ? registry.credentials : null;
    return createClient({ ...registry, credentials, others }, caches[identity]);
  };
  const names = [...known.keys()];
  const hasAccount = (name: string): boolean => known.get(name)?.registry.credentials !== null;
  const resting: RestingSources = new Map();
  const sourceCaches = sources.map(() => createTokenCache());
  return (lied) => {
    const withSources = (authority: Upstream): Upstream => {
      if (authority.name !== DOCKER_HUB || sources.length === 0) return authority;
      const clients = sources.map((source, at) => {
        const { name, url, prefix } = source;
        const others = othersOf(hostOf(url));
        const registry = { name, url, realms: null, credentials: null, others };
        const client = createClient(registry, sourceCaches[at]);
        return prefix === null ? client : withPrefix(client, prefix);
      });
      return createSourcedUpstream({
        authority,
        sources: clients,
        resting,
        lied,
        now: Date.now,
      });
    };
    return createUpstreams({ names, hasAccount, create, withSources });
  };
}

function createClient(
  registry: Registry & { readonly others: ReadonlySet<string> },
  cache: TokenCache = createTokenCache(),
): Upstream {
  return createUpstreamClient({
    ...registry,
    cache,
    userAgent: `tidepool/${VERSION}`,
    // Workers' fetch must be called as a global's method.
    fetch: (input, init) => fetch(input, init),
    now: Date.now,
  });
}

/** Where no Durable Object can be reached: a proof is made again for each request. */
function createForgetfulLog(): ProofLog {
  return { read: () => null, write: () => undefined, clear: () => undefined };
}

/** One JSON object per event: a static message, and the error's name and text as fields. */
function warn(message: string, error: unknown): void {
  const { name, message: reason } = error instanceof Error ? error : new Error(String(error));
  // oxlint-disable-next-line no-console -- a Worker's log is its console
  console.warn(JSON.stringify({ level: "warn", message, error: name, reason }));
}
