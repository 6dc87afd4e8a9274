import type { Digest } from "../oci/digest.ts";
import { StoreError } from "../store/errors.ts";
import type { ChunkStore } from "../store/store.ts";

/** A put that takes longer has the store asked whether it is there; each time after twice as long. */
const PATIENCE_MS = 1_500;
/** A probe is a byte. */
const PROBE_MS = 3_000;

/**
 * Waits for a put of a body that comes from elsewhere, and tells a store that is away from a body that is slow. A store
 * that fails before it has read a body can leave the put waiting for ever (seen from workerd: it answers only to who has
 * sent all), and what the body's own deadline then ends looks like a broken connection, to be tried again.
 *
 * @throws {@link StoreError} of kind `failed` where the store does not even take a byte; the put is left behind
 */
export async function watchPut<T>(
  store: Pick<ChunkStore, "probe">,
  digest: Digest,
  put: Promise<T>,
): Promise<T> {
  // Nobody waits for it any more once the store is found to be away.
  put.catch(() => undefined);
  for (let patienceMs = PATIENCE_MS; ; patienceMs *= 2) {
    if (await endsWithin(put, patienceMs)) return await put;
    const probe = store.probe(digest);
    probe.catch(() => undefined);
    if (!(await endsWithin(probe, PROBE_MS)))
      throw new StoreError("failed", { operation: "probe", cause: `no answer in ${PROBE_MS} ms` });
    await probe.catch((cause: unknown) => {
      throw new StoreError("failed", { operation: "probe", cause });
    });
  }
}

/** Whether it settles in time, well or not. */
async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const ended = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([ended, late]);
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}
