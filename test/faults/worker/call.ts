import type { StoreFault } from "./fault.ts";

/** A call to the store, and what it says where it fails. */
interface StoreCall {
  /** Asked at every call; each hit uses up one of its times. */
  readonly faults: readonly StoreFault[];
  readonly operation: StoreFault["operation"];
  readonly key: string;
  readonly problem: string;
}

/** Does a call, with the fault that strikes it. */
export async function callFaulty<T>(
  { faults, operation, key, problem }: StoreCall,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly fault: StoreFault | undefined }> {
  const fault = faults.find(
    (each) => each.operation === operation && each.times > 0 && key.includes(each.match),
  );
  if (fault !== undefined) fault.times -= 1;
  if (fault?.kind === "fail") throw new Error(problem);
  if (fault?.kind === "slow") await new Promise((done) => setTimeout(done, fault.delayMs));
  const value = await work();
  if (fault?.kind === "lost") {
    if (value !== null && typeof value === "object" && "body" in value)
      await (value as unknown as Response).body?.cancel();
    throw new Error(problem);
  }
  return { value, fault };
}

/** A body that breaks off, at its full length in name, as one does whose connection is lost. */
export function breakOff(
  body: ReadableStream<Uint8Array>,
  length: number,
  afterBytes: number,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(length);
  void pass(body, writable.getWriter(), Math.min(afterBytes, Math.max(0, length - 1)));
  return readable;
}

async function pass(
  from: ReadableStream<Uint8Array>,
  to: WritableStreamDefaultWriter<Uint8Array>,
  bytes: number,
): Promise<void> {
  let left = bytes;
  try {
    for await (const piece of from) {
      if (piece.byteLength > left) {
        if (left > 0) await to.write(piece.subarray(0, left));
        break;
      }
      await to.write(piece);
      left -= piece.byteLength;
    }
  } finally {
    await to.abort(new Error("Network connection lost.")).catch(() => undefined);
  }
}
