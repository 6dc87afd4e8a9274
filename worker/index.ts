import { type RequestParts, createApp } from "./app.ts";
import { ConfigError, type Env, nameUpstream } from "./env.ts";
import type { Digest } from "./oci/digest.ts";
import { withinReach } from "./routes/within-reach.ts";
import { type Parts, createParts } from "./parts.ts";
import type { BlobFill } from "./proxy/blob-fill.ts";
import type { ManifestGate } from "./proxy/manifest-gate.ts";
import type { ProofDeps } from "./proxy/proof.ts";
import { NO_PAGE } from "./middleware/headers.ts";
import type { RequestRecord } from "./middleware/request-log.ts";
import { readActivity } from "./routes/activity.ts";
import type { ApiDeps } from "./routes/api.ts";
import type { FoundRepository, RouteDeps } from "./routes/context.ts";
import type { RepositoryKey } from "./store/store.ts";

export { BlobFillObject } from "./objects/blob-fill.ts";
export { InventoryObject } from "./objects/inventory.ts";
export { LedgerObject } from "./objects/ledger.ts";
export { ManifestGateObject } from "./objects/manifest-gate.ts";

let app: ReturnType<typeof createApp<Env>> | null = null;

const worker: ExportedHandler<Env> = {
  async fetch(request, env, ctx): Promise<Response> {
    let parts: Parts;
    try {
      parts = createParts(env);
    } catch (error) {
      return renderConfigError(error, env);
    }
    app ??= createApp<Env>({
      access: parts.access,
      // At Cloudflare its log is where to look; on a machine of one's own the terminal is better left alone.
      log: parts.config.local ? null : logRequest,
      upstream: nameUpstream(parts.config),
      version: env.CF_VERSION_METADATA?.id ?? null,
      admin: { admin: parts.admin, local: parts.config.local, now: Date.now },
      api: () => createApiDeps(parts),
      routes: (bindings, request) => createRouteDeps(parts, bindings, request),
    });
    return await app.fetch(request, env, ctx);
  },
  /** The store's upkeep is done by the object's own alarms: one cron event would not last for a large store. */
  async scheduled(_event, env): Promise<void> {
    const done = await Promise.allSettled([
      env.INVENTORY.getByName("inventory").wake(),
      env.LEDGER.getByName("ledger").dropOld(),
    ]);
    for (const part of done) if (part.status === "rejected") throw part.reason;
  },
};

export default worker;

/**
 * A wrong variable stops the mirror: every answer names it, and none does anything else.
 *
 * What is wrong with it may show networks, names and hosts, and nobody is known by then: on a deployed mirror it is for
 * the log alone. `npm start` shows it to who started it.
 */
function renderConfigError(error: unknown, { LOCAL }: Env): Response {
  if (!(error instanceof ConfigError)) throw error;
  const { variable, message: reason } = error;
  const isOwn = LOCAL === "1";
  if (!isOwn)
    // oxlint-disable-next-line no-console -- a Worker's log is its console
    console.error(JSON.stringify({ level: "error", message: "a variable is wrong", reason }));
  const told = isOwn ? reason : `${variable}; the mirror's log says what is wrong with it`;
  const errors = [{ code: "UNSUPPORTED", message: `a variable is wrong: ${told}` }];
  const headers = { "Cache-Control": "no-store", "Content-Security-Policy": NO_PAGE };
  return Response.json({ errors }, { status: 500, headers });
}

/** One JSON object a request. */
function logRequest(record: RequestRecord): void {
  // oxlint-disable-next-line no-console -- a Worker's log is its console
  console.log(JSON.stringify(record));
}

function createRouteDeps(parts: Parts, env: Env, { waitUntil, identity }: RequestParts): RouteDeps {
  const { store, memory, config, warn, recorder, records, credential } = parts;
  const upstreams = parts.createUpstreams(waitUntil);
  const flushing = { ledger: records, waitUntil };
  const { publicTtlMs, publicRepositories } = config;
  const isPublic = (key: RepositoryKey): boolean => publicRepositories.has(key);
  const proof = (key: RepositoryKey): ProofDeps => ({
    proofs: memory.proofs,
    gate: gateOf({ parts, env, waitUntil }, key),
    publicTtlMs,
    isPublic,
    now: Date.now,
  });
  return {
    identity,
    store,
    upstreams,
    manifests: (key) => ({
      store,
      memory,
      gate: gateOf({ parts, env, waitUntil }, key),
      tagTtlMs: config.tagTtlMs,
      publicTtlMs,
      isPublic,
      now: Date.now,
    }),
    proof,
    privateRepositories: config.privateRepositories,
    isPublic,
    blobs: ({ key, upstream, shown }: FoundRepository, digest: Digest) => ({
      store,
      leave: {
        proof: proof(key),
        named: memory.named,
        inventory: parts.inventory,
        hasPrivate: config.privateRepositories.upstreams.length > 0,
        upstream,
        shown,
        warn,
      },
      fill: fillOf(env, digest),
      waitUntil,
      warn,
      failed: (failure) => recorder.failure(failure, flushing),
    }),
    status: () => readActivity(createApiDeps(parts)),
    records: {
      recorder,
      flushing,
      credential,
      local: config.local,
    },
    now: Date.now,
  };
}

function createApiDeps(parts: Parts): ApiDeps {
  const { ledger, accounts, inventory, config, warn } = parts;
  return {
    ledger: withinReach(ledger),
    accounts,
    sources: config.sources.map(({ name }) => name),
    warnShare: config.quotaWarnShare,
    storage: async () => {
      try {
        return { ...(await inventory.usage()), limitBytes: config.limitBytes };
      } catch (error) {
        warn("the store's size could not be told", error);
        return null;
      }
    },
    now: Date.now,
  };
}

interface Surroundings {
  readonly parts: Parts;
  readonly env: Env;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** A digest's fill. A stub is of no use any more once its object was reset under it: each call has its own. */
function fillOf(env: Env, digest: Digest): BlobFill {
  const reach = (): BlobFill => env.BLOB_FILL.getByName(digest);
  return {
    open: (key, wanted, asking) => reach().open(key, wanted, asking),
    segment: (wanted, offset) => reach().segment(wanted, offset),
    verified: (wanted) => reach().verified(wanted),
  };
}

/** The repository's gate; where Durable Objects are away, this request asks for itself. */
function gateOf({ parts, env, waitUntil }: Surroundings, key: RepositoryKey): ManifestGate {
  // A stub is of no use any more once its object was reset under it.
  const reach = (): ManifestGate =>
    env.MANIFEST_GATE.getByName(`${key.upstream}/${key.repository}`);
  const orElse = async <T>(ask: (gate: ManifestGate) => Promise<T>): Promise<T> => {
    try {
      return await ask(reach());
    } catch (error) {
      parts.warn("a gate could not be reached", error);
      return await ask(parts.createGate(waitUntil));
    }
  };
  return {
    check: (asked, target, how) => orElse((gate) => gate.check(asked, target, how)),
    pull: (asked, target, asking) => orElse((gate) => gate.pull(asked, target, asking)),
    // The object's own log of proofs outlives a reset, and nothing is counted twice.
    prove: (asked, probe) =>
      orElse((gate) => gate.prove(asked, probe).catch(() => reach().prove(asked, probe))),
  };
}
