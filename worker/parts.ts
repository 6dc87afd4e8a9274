import { Access } from "./access/access.ts";
import { Admin } from "./access/admin.ts";
import { FailedAttempts } from "./access/attempts.ts";
import { type Config, type Env, parseConfig } from "./env.ts";
import type { Inventory, ManifestUse } from "./inventory/inventory.ts";
import { withinReach } from "./inventory/within-reach.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { DirectGate } from "./proxy/manifest-gate.ts";
import { formatRepository } from "./oci/reference.ts";
import { type ProofLog, Prover } from "./proxy/proof.ts";
import { Recorder } from "./proxy/recorder.ts";
import { type ManifestMemory, createManifestMemory, forgetManifest } from "./proxy/manifest.ts";
import { UseTeller } from "./proxy/use-teller.ts";
import { createR2Store } from "./store/r2.ts";
import type { Store } from "./store/store.ts";
import { createTokenCache } from "./upstream/auth.ts";
import { createUpstreamClient } from "./upstream/client.ts";
import type { Registry } from "./upstream/registries.ts";
import type { Upstream, Upstreams } from "./upstream/upstream.ts";
import { createUpstreams } from "./upstream/upstreams.ts";
import { VERSION } from "./version.ts";

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
  /** The name of the credential in use at an upstream, which is no secret. */
  readonly credential: (upstream: string) => string;
  /** Clients for one request or one Durable Object; tokens are shared, requests under way are not. */
  readonly createUpstreams: () => Upstreams;
  /** @param proofs - by default of this gate alone */
  readonly createGate: (proofs?: ProofLog) => DirectGate;
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
  const store = createR2Store(env.STORE);
  const now = Date.now;
  const attempts = new FailedAttempts(now);
  const { tagTtlMs, publicTtlMs, registries } = config;
  const createClients = createClientsOf(registries);
  const memory = createManifestMemory();
  const inventory = withinReach(() => env.INVENTORY.getByName("inventory"));
  const forget = ({ key, digest }: ManifestUse): void => forgetManifest(memory, key, digest);
  const uses = new UseTeller({ inventory, forget, warn });
  const ledger = (): Ledger => env.LEDGER.getByName("ledger");
  const parts: Parts = {
    config,
    access: new Access({ ...config.access, attempts, now }),
    admin: new Admin({
      token: config.adminToken,
      isOpen: config.local && config.access.rules.open,
      attempts,
    }),
    store,
    memory,
    inventory,
    recorder: new Recorder({ warn, now }),
    ledger,
    records: () => ({
      record: async (batch) => {
        await Promise.all([ledger().record(batch), uses.tell(batch)]);
      },
    }),
    credential: (upstream) => nameCredential(registries, upstream),
    createUpstreams: createClients,
    createGate: (proofs = createForgetfulLog()) => {
      const upstreams = createClients();
      const prover = new Prover({ upstreams, proofs, publicTtlMs, now });
      return new DirectGate({ store, inventory, upstreams, prover, tagTtlMs, now, warn });
    },
    warn,
  };
  made.set(env, parts);
  return parts;
}

/** Docker Hub's accounts have bare names: it is the registry with a limit. */
function nameCredential(registries: readonly Registry[], upstream: string): string {
  const found = registries.find(({ name }) => name === upstream);
  return formatRepository(upstream, found?.credentials?.username ?? "anonymous");
}

/** What one isolate learns of a registry's tokens is kept apart from every other registry's. */
function createClientsOf(registries: readonly Registry[]): () => Upstreams {
  const known = new Map(
    registries.map((registry) => {
      const caches = { account: createTokenCache(), anonymous: createTokenCache() };
      return [registry.name, { registry, caches }];
    }),
  );
  const create = (name: string, identity: "account" | "anonymous"): Upstream => {
    const found = known.get(name);
    if (found === undefined) throw new Error(`no registry ${name}`);
    const { registry } = found;
    return createUpstreamClient({
      ...registry,
      credentials: identity === "account" ? registry.credentials : null,
      cache: found.caches[identity],
      userAgent: `tidepool/${VERSION}`,
      // Workers' fetch must be called as a global's method.
      fetch: (input, init) => fetch(input, init),
      now: Date.now,
    });
  };
  const names = [...known.keys()];
  const hasAccount = (name: string): boolean => known.get(name)?.registry.credentials !== null;
  return () => createUpstreams({ names, hasAccount, create });
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
