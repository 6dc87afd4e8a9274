import { createHash } from "node:crypto";

/** What workerd has and Node has not, for modules that are tested without it: a stream that must be exactly so long. */
export class FixedLengthStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor(length: number) {
    let left = length;
    super({
      transform(bytes, controller) {
        left -= bytes.byteLength;
        if (left < 0) throw new TypeError("more was written than was said");
        controller.enqueue(bytes);
      },
      flush() {
        if (left > 0) throw new TypeError("less was written than was said");
      },
    });
  }
}

/** And `crypto.DigestStream`: the digest of what was written, once it is closed. */
export class DigestStream extends WritableStream<Uint8Array> {
  readonly digest: Promise<ArrayBuffer>;

  constructor(algorithm: "SHA-256" | "SHA-512") {
    const hash = createHash(algorithm.replace("-", "").toLowerCase());
    const digest = Promise.withResolvers<ArrayBuffer>();
    super({
      write: (bytes) => void hash.update(bytes),
      close: () => digest.resolve(new Uint8Array(hash.digest()).buffer),
      abort: (error) => digest.reject(error),
    });
    this.digest = digest.promise;
  }
}
