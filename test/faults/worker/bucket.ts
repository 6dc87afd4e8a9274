import { breakOff, callFaulty } from "./call.ts";
import type { StoreFault } from "./fault.ts";

/** R2's own words for it. @see R2 documentation, "Error codes", 10001 */
const INTERNAL_ERROR = "We encountered an internal error. Please try again. (10001)";

type Operation = StoreFault["operation"];

/**
 * The real binding, which fails where a fault says so: everything else is R2's own.
 *
 * @param faults - asked at every call; each hit uses up one of its times
 */
export function createFaultyBucket(bucket: R2Bucket, faults: readonly StoreFault[]): R2Bucket {
  const call = <T>(operation: Operation, key: string, work: () => Promise<T>) =>
    callFaulty({ faults, operation, key, problem: `${operation}: ${INTERNAL_ERROR}` }, work);
  const faulty: Pick<R2Bucket, Operation> = {
    head: async (key) => (await call("head", key, () => bucket.head(key))).value,
    list: async (options) =>
      (await call("list", options?.prefix ?? "", () => bucket.list(options))).value,
    delete: async (keys) => {
      await call("delete", [keys].flat().join("\n"), () => bucket.delete(keys));
    },
    put: (async (key, value, options) =>
      (await call("put", key, () => bucket.put(key, value as ArrayBuffer, options)))
        .value) as R2Bucket["put"],
    get: async (key: string, options?: R2GetOptions) => {
      const { value, fault } = await call("get", key, () => bucket.get(key, options));
      return value === null || fault?.kind !== "cut" ? value : cut(value, fault.afterBytes);
    },
  };
  return faulty as R2Bucket;
}

/** An object whose body breaks off, at its full length in name, as R2's does when its connection is lost. */
function cut(object: R2ObjectBody, afterBytes: number): R2ObjectBody {
  const { range, size } = object;
  const length = range !== undefined && "length" in range ? (range.length ?? size) : size;
  const readable = breakOff(object.body, length, afterBytes);
  const bytes = async (): Promise<Uint8Array> =>
    new Uint8Array(await new Response(readable).arrayBuffer());
  return new Proxy(object, {
    get(target, name) {
      if (name === "body") return readable;
      if (name === "bytes") return bytes;
      return Reflect.get(target, name, target) as unknown;
    },
  });
}
