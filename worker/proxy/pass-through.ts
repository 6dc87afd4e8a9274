import { type Digest, digestAlgorithm, formatDigest } from "../oci/digest.ts";
import type { BlobBody } from "../upstream/upstream.ts";

/** Held back until the digest is known. */
const HELD_BACK_BYTES = 16 * 1024;

/**
 * Streams a blob straight from the upstream, for when the store or a fill cannot help. It is hashed on the way and its
 * end is held back until the digest is right: this copies in JavaScript, which is why it is the last resort.
 *
 * A range cannot be checked and is passed on as it is; the client checks the whole.
 *
 * @returns the stream and a promise that settles, without rejecting, when it is over: whether the bytes were wrong
 */
export function passThrough(
  digest: Digest,
  from: BlobBody,
): { readonly body: ReadableStream<Uint8Array>; readonly over: Promise<boolean> } {
  if (from.range !== null) return { body: from.body, over: Promise.resolve(false) };
  const { readable, writable } =
    from.size === null ? new IdentityTransformStream() : new FixedLengthStream(from.size);
  const writer = writable.getWriter() as WritableStreamDefaultWriter<Uint8Array>;
  const over = copyVerified(digest, from.body, writer)
    .then(() => writer.close())
    .then(() => false)
    .catch(async (error: unknown) => {
      await writer.abort(error).catch(() => undefined);
      return error instanceof WrongDigest;
    });
  return { body: readable, over };
}

class WrongDigest extends Error {
  override readonly name = "WrongDigest" as const;
}

async function copyVerified(
  digest: Digest,
  body: ReadableStream<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  const algorithm = digestAlgorithm(digest);
  const hash = new crypto.DigestStream(algorithm === "sha256" ? "SHA-256" : "SHA-512");
  const hasher = hash.getWriter();
  let held = new Uint8Array(0);
  for await (const bytes of body) {
    await hasher.write(bytes);
    const all = new Uint8Array(held.byteLength + bytes.byteLength);
    all.set(held);
    all.set(bytes, held.byteLength);
    const free = Math.max(0, all.byteLength - HELD_BACK_BYTES);
    if (free > 0) await writer.write(all.subarray(0, free));
    held = all.slice(free);
  }
  await hasher.close();
  if (formatDigest(algorithm, await hash.digest) !== digest)
    throw new WrongDigest("a wrong digest");
  await writer.write(held);
}
