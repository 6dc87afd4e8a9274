/**
 * The Worker, unchanged, with its bindings counted: every call to R2 and to a Durable Object, and every row.
 *
 * @module
 */
import type { Env } from "../../../worker/env.ts";
import worker, * as objects from "../../../worker/index.ts";
import { Recorder } from "../../../worker/proxy/recorder.ts";
import { OPERATIONS, type Operations, RECORDING } from "./operations.ts";

/** Worker and objects run in one isolate here, and share this. */
const counted: Operations = none();
let shared: Env | null = null;
/** A cursor tells its rows when it was read to its end: they are added up when somebody asks. */
let cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
const record: (typeof Recorder.prototype)["pull"] = Reflect.get(Recorder.prototype, "pull");

function none(): Operations {
  const rows = { rowsRead: 0, rowsWritten: 0 };
  return { classA: 0, classB: 0, deletes: 0, objectRequests: 0, ...rows };
}

function withCounts(env: Env): Env {
  shared ??= {
    ...env,
    STORE: counting(env.STORE, {
      get: "classB",
      head: "classB",
      put: "classA",
      list: "classA",
      delete: "deletes",
    }),
    MANIFEST_GATE: countedNamespace(env.MANIFEST_GATE),
    BLOB_FILL: countedNamespace(env.BLOB_FILL),
    LEDGER: countedNamespace(env.LEDGER),
    INVENTORY: countedNamespace(env.INVENTORY),
  };
  return shared;
}

function counting<T extends object>(
  binding: T,
  names: Readonly<Record<string, keyof Operations>>,
): T {
  return new Proxy(binding, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      const kind = names[String(name)];
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (kind !== undefined) counted[kind] += 1;
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}

function countedNamespace<T extends Rpc.DurableObjectBranded>(
  namespace: DurableObjectNamespace<T>,
): DurableObjectNamespace<T> {
  return new Proxy(namespace, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        const made = Reflect.apply(value, target, args) as unknown;
        return name === "getByName" || name === "get" ? countedStub(made as object) : made;
      };
    },
  });
}

function countedStub<T extends object>(stub: T): T {
  return new Proxy(stub, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        counted.objectRequests += 1;
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}

function countRows({ storage }: DurableObjectState): void {
  const { sql } = storage;
  const prototype = Object.getPrototypeOf(sql) as SqlStorage & { counts?: true };
  if (prototype.counts === true) return;
  const exec: SqlStorage["exec"] = Reflect.get(prototype, "exec");
  prototype.counts = true;
  prototype.exec = function counts(this: SqlStorage, ...args: Parameters<SqlStorage["exec"]>) {
    const cursor = Reflect.apply(exec, this, args);
    cursors.push(cursor);
    return cursor;
  } as SqlStorage["exec"];
}

/** @see objects.BlobFillObject */
export class BlobFillObject extends objects.BlobFillObject {
  constructor(ctx: DurableObjectState, env: Env) {
    countRows(ctx);
    super(ctx, withCounts(env));
  }
}

/** @see objects.ManifestGateObject */
export class ManifestGateObject extends objects.ManifestGateObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, withCounts(env));
  }
}

/** @see objects.InventoryObject */
export class InventoryObject extends objects.InventoryObject {
  constructor(ctx: DurableObjectState, env: Env) {
    countRows(ctx);
    super(ctx, withCounts(env));
  }
}

/** @see objects.LedgerObject */
export class LedgerObject extends objects.LedgerObject {
  constructor(ctx: DurableObjectState, env: Env) {
    countRows(ctx);
    super(ctx, withCounts(env));
  }
}

function takeOperations(): Operations {
  for (const { rowsRead, rowsWritten } of cursors) {
    counted.rowsRead += rowsRead;
    counted.rowsWritten += rowsWritten;
  }
  cursors = [];
  const taken = { ...counted };
  Object.assign(counted, none());
  return taken;
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === OPERATIONS) return Response.json(takeOperations());
    if (pathname === RECORDING) {
      Recorder.prototype.pull = searchParams.get("on") === "1" ? record : () => undefined;
      return new Response(null, { status: 204 });
    }
    return (await worker.fetch?.(request, withCounts(env), ctx)) as Response;
  },
} satisfies ExportedHandler<Env>;
