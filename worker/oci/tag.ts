import { type Digest, parseDigest } from "./digest.ts";

declare const brand: unique symbol;

/** A tag, made only by {@link parseTag}. */
export type Tag = string & { readonly [brand]: "Tag" };

/** @see OCI distribution spec v1.1.1, "Pulling manifests": the grammar of a tag. */
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Reads a tag; `null` where it breaks the spec's grammar. */
export function parseTag(text: string): Tag | null {
  return TAG.test(text) ? (text as Tag) : null;
}

/** The last part of a manifest's URL: a tag or a digest, told apart once. */
export type TagOrDigest =
  | { readonly kind: "tag"; readonly tag: Tag }
  | { readonly kind: "digest"; readonly digest: Digest };

/** Reads the last part of a manifest's URL. A colon can only stand in a digest. */
export function parseTagOrDigest(text: string): TagOrDigest | null {
  if (text.includes(":")) {
    const digest = parseDigest(text);
    return digest === null ? null : { kind: "digest", digest };
  }
  const tag = parseTag(text);
  return tag === null ? null : { kind: "tag", tag };
}
