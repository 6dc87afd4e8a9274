declare const brand: unique symbol;

/**
 * A content digest in the spec's form `algorithm:hex`, made only by {@link parseDigest}.
 *
 * @see OCI image spec v1.1, "Digests"
 */
export type Digest = string & { readonly [brand]: "Digest" };

/** Hex length of each registered algorithm; others are refused, since nothing here could verify them. */
const HEX_LENGTH = { sha256: 64, sha512: 128 } as const;

/** The algorithms a mirror can verify. */
export type DigestAlgorithm = keyof typeof HEX_LENGTH;

const DIGEST = /^(?<algorithm>sha256|sha512):(?<hex>[0-9a-f]+)$/;

/** Reads a digest; `null` where it is malformed or of an algorithm that cannot be verified. */
export function parseDigest(text: string): Digest | null {
  const groups = DIGEST.exec(text)?.groups;
  if (groups === undefined) return null;
  const algorithm = groups["algorithm"] as DigestAlgorithm;
  return groups["hex"]?.length === HEX_LENGTH[algorithm] ? (text as Digest) : null;
}

/** Names the algorithm before the colon. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(":")) as DigestAlgorithm;
}

/** Gives the lower-case hex after the colon. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** Puts an algorithm's raw output into the spec's form. */
export function formatDigest(algorithm: DigestAlgorithm, hash: ArrayBuffer): Digest {
  let hex = "";
  for (const byte of new Uint8Array(hash)) hex += byte.toString(16).padStart(2, "0");
  return `${algorithm}:${hex}` as Digest;
}
