import { StoreError } from "./errors.ts";

/**
 * Tells the store's own errors from those of a body that was being put: R2's end in their code, as in
 * `put: Internal error (10001)` or `put: Unspecified error (0)`, seen from a disk that would not take the bytes. A
 * body's error comes through as it was thrown.
 *
 * @throws {@link StoreError}
 */
export async function attempt<T>(operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = /\((\d{1,5})\)\s*$/.exec(cause instanceof Error ? cause.message : "")?.[1];
    // 10037 BadDigest, seen from R2's simulator and named in the R2 documentation's error list.
    if (code === "10037") throw new StoreError("digest-mismatch", { operation, cause });
    if (code === undefined && operation.startsWith("put")) throw cause;
    throw new StoreError("failed", { operation, cause });
  }
}
