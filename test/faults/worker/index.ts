/**
 * The Worker, unchanged, on a store and on Durable Objects that fail when a test says so. The bindings are the real
 * ones; what goes wrong goes wrong between them and the Worker, where it does in production.
 *
 * @module
 */
import type { Env } from "../../../worker/env.ts";
import worker, * as objects from "../../../worker/index.ts";
import { formatDigest } from "../../../worker/oci/digest.ts";
import { createFaultyBucket } from "./bucket.ts";
import { createFaultyDisk, createFaultyKeeper } from "./disk.ts";
import { type LedgerFault, createFaultyLedger } from "./ledger.ts";
import { CONTROL, FRESH_ISOLATE, type StoreFault, type StoredObject } from "./fault.ts";

/** Worker and objects run in one isolate here, and share this. */
const faults: StoreFault[] = [];
const ledgerFault: LedgerFault = { kind: "none" };
let shared: Env | null = null;

function withFaults(env: Env): Env {
  shared ??= {
    ...env,
    STORE: createFaultyBucket(env.STORE, faults),
    ...(env.DISK && { DISK: createFaultyDisk(env.DISK, faults) }),
    ...(env.KEEPER && { KEEPER: createFaultyKeeper(env.KEEPER, faults) }),
    LEDGER: createFaultyLedger(env.LEDGER, ledgerFault),
  };
  return shared;
}

/** Fills as the Worker's own do, and can be reset and looked after at once. */
export class BlobFillObject extends objects.BlobFillObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, withFaults(env));
  }

  reset(): void {
    this.ctx.abort("reset by a test");
  }

  /** What the clock would do. @returns whether nothing is left for it to do */
  async sweep(): Promise<boolean> {
    if ((await this.ctx.storage.getAlarm()) === null) return true;
    await this.alarm();
    return false;
  }
}

/** A gate as the Worker's own, that can be reset. */
export class ManifestGateObject extends objects.ManifestGateObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, withFaults(env));
  }

  reset(): void {
    this.ctx.abort("reset by a test");
  }
}

/** An inventory as the Worker's own, that can be reset. */
export class InventoryObject extends objects.InventoryObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, withFaults(env));
  }

  reset(): void {
    this.ctx.abort("reset by a test");
  }
}

/** A ledger as the Worker's own. */
export class LedgerObject extends objects.LedgerObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, withFaults(env));
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.startsWith(CONTROL))
      return Response.json(await control(pathname, searchParams, { env, request }));
    const bindings = request.headers.has(FRESH_ISOLATE) ? { ...withFaults(env) } : withFaults(env);
    return (await worker.fetch?.(request, bindings, ctx)) as Response;
  },
  async scheduled(event, env, ctx) {
    await worker.scheduled?.(event, withFaults(env), ctx);
  },
} satisfies ExportedHandler<Env>;

async function control(
  pathname: string,
  query: URLSearchParams,
  { env, request }: { readonly env: Env; readonly request: Request },
): Promise<unknown> {
  const name = query.get("name") ?? "";
  switch (pathname.slice(CONTROL.length)) {
    case "/add":
      faults.push(...(await request.json<StoreFault[]>()));
      return null;
    case "/clear":
      for (let at = faults.length - 1; at >= 0; at -= 1)
        if (faults[at]?.match === name) faults.splice(at, 1);
      return null;
    case "/ledger":
      ledgerFault.kind = name as LedgerFault["kind"];
      return null;
    case "/reset/fill":
      return await resetting(() => fillOf(env, name).reset());
    case "/reset/gate":
      return await resetting(() => gateOf(env, name).reset());
    case "/reset/inventory":
      return await resetting(() => inventoryOf(env).reset());
    case "/sweep":
      return await fillOf(env, name).sweep();
    case "/store":
      return [...(await readStore(env.STORE, name)), ...(await readFiles(env, name))];
    default:
      throw new Error(`no such control: ${pathname}`);
  }
}

type Stub<T extends Rpc.DurableObjectBranded> = DurableObjectStub<T>;

function fillOf(env: Env, name: string): Stub<BlobFillObject> {
  return env.BLOB_FILL.getByName(name) as unknown as Stub<BlobFillObject>;
}

function gateOf(env: Env, name: string): Stub<ManifestGateObject> {
  return env.MANIFEST_GATE.getByName(name) as unknown as Stub<ManifestGateObject>;
}

function inventoryOf(env: Env): Stub<InventoryObject> {
  return env.INVENTORY.getByName("inventory") as unknown as Stub<InventoryObject>;
}

/** The call that resets an object never comes back well. */
async function resetting(reset: () => Promise<void>): Promise<null> {
  await reset().catch(() => undefined);
  return null;
}

/** What is stored under a prefix, read past all faults. */
async function readStore(bucket: R2Bucket, prefix: string): Promise<StoredObject[]> {
  const found: StoredObject[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await bucket.list({ prefix, ...(cursor === undefined ? {} : { cursor }) });
    for (const { key } of page.objects) {
      const object = await bucket.get(key);
      if (object === null) continue;
      const digest = new crypto.DigestStream("SHA-256");
      await object.body.pipeTo(digest);
      const { size } = object;
      found.push({ key, size, digest: formatDigest("sha256", await digest.digest) });
    }
    if (!page.truncated) return found;
    cursor = page.cursor;
  }
}

/** The same of what is kept as files. */
async function readFiles({ DISK, KEEPER }: Env, prefix: string): Promise<StoredObject[]> {
  const [kind = ""] = prefix.split("/");
  if (DISK === undefined || KEEPER === undefined || !/^(?:blobs|fills)$/.test(kind)) return [];
  const found: StoredObject[] = [];
  // Just before the first of its names, however many there are before them.
  const after = prefix.slice(kind.length + 1, -1);
  const init = { method: "POST", body: JSON.stringify({ kind, after }) };
  const listing = await (
    await KEEPER.fetch("http://disk/list", init)
  ).json<{
    objects: { name: string; size: number }[];
  }>();
  for (const { name, size } of listing.objects) {
    const key = `${kind}/${name}`;
    if (!key.startsWith(prefix)) continue;
    const response = await DISK.fetch(`http://disk/${key}`);
    if (!response.ok || response.body === null) continue;
    const digest = new crypto.DigestStream("SHA-256");
    await response.body.pipeTo(digest);
    found.push({ key, size, digest: formatDigest("sha256", await digest.digest) });
  }
  return found;
}
