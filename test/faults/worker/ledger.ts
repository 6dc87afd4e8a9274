import type { LedgerObject } from "../../../worker/objects/ledger.ts";

/** What the ledger does with every call, for as long as a test says so. */
export interface LedgerFault {
  kind: "none" | "hang" | "fail";
}

/** The real binding, whose calls fail or never come back while a fault says so. */
export function createFaultyLedger(
  namespace: DurableObjectNamespace<LedgerObject>,
  fault: LedgerFault,
): DurableObjectNamespace<LedgerObject> {
  const faulty = (target: object, name: string | symbol): unknown => {
    const value = Reflect.get(target, name, target) as unknown;
    if (typeof value !== "function") return value;
    return (...args: unknown[]): unknown => {
      if (fault.kind === "hang") return new Promise(() => undefined);
      if (fault.kind === "fail") return Promise.reject(new Error("the object was reset"));
      return Reflect.apply(value, target, args) as unknown;
    };
  };
  return new Proxy(namespace, {
    get(target, name) {
      if (name !== "getByName") return Reflect.get(target, name, target) as unknown;
      return (id: string) => new Proxy(target.getByName(id), { get: faulty });
    },
  });
}
