/** A byte range as asked for, before the size is known. */
export type ByteRangeSpec =
  | { readonly kind: "from"; readonly first: number; readonly last: number | null }
  | { readonly kind: "suffix"; readonly length: number };

/** A byte range resolved against a size: both ends inclusive, `last < size`. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads a `Range` header that asks for one byte range.
 *
 * @returns `null` where the header is to be ignored and the whole content sent: another unit, a malformed range,
 *   or several ranges (RFC 9110 §14.2 allows all three; clients of registries cope with a 200)
 * @see RFC 9110 §14.1.2
 */
export function parseRange(header: string | null): ByteRangeSpec | null {
  const match = /^\s*bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(header ?? "");
  if (match === null) return null;
  const [, first = "", last = ""] = match;
  if (first === "") return last === "" ? null : { kind: "suffix", length: Number(last) };
  if (last === "") return { kind: "from", first: Number(first), last: null };
  if (Number(last) < Number(first)) return null;
  return { kind: "from", first: Number(first), last: Number(last) };
}

/** Fits a range to a size; `null` where it cannot be satisfied (416). */
export function resolveRange(spec: ByteRangeSpec, size: number): ByteRange | null {
  if (spec.kind === "suffix") {
    if (spec.length === 0 || size === 0) return null;
    return { first: Math.max(0, size - spec.length), last: size - 1 };
  }
  if (spec.first >= size) return null;
  return { first: spec.first, last: Math.min(spec.last ?? size - 1, size - 1) };
}

/** Writes the `Content-Range` of a 206. @see RFC 9110 §14.4 */
export function formatContentRange(range: ByteRange, size: number): string {
  return `bytes ${range.first}-${range.last}/${size}`;
}

/** Reads a `Content-Range`; `null` where it is malformed or the size is unknown (`*`). */
export function parseContentRange(header: string | null): (ByteRange & { size: number }) | null {
  const match = /^bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(header?.trim() ?? "");
  if (match === null) return null;
  const [first, last, size] = match.slice(1).map(Number) as [number, number, number];
  return first <= last && last < size ? { first, last, size } : null;
}
