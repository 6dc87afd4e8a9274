/**
 * Reads a body into memory.
 *
 * @returns `null` where it is longer than `maxBytes`; the rest is cancelled then, not read
 */
export async function readCapped(response: Response, maxBytes: number): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the body.
  for await (const part of response.body ?? []) {
    length += part.byteLength;
    if (length > maxBytes) return null;
    parts.push(part);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

/** An hour: a longer wait than this is not worth believing. */
const MAX_RETRY_AFTER_SECONDS = 3600;

/** Reads `Retry-After` in either form, to be spread into a failure. @see RFC 9110 §10.2.3 */
export function readRetryAfter(
  response: Response,
  now: number,
): { readonly retryAfterSeconds?: number } {
  const value = response.headers.get("Retry-After")?.trim() ?? "";
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - now) / 1000;
  if (!Number.isFinite(seconds) || seconds < 0) return {};
  return { retryAfterSeconds: Math.min(Math.ceil(seconds), MAX_RETRY_AFTER_SECONDS) };
}

/** Reads `Content-Length`; `null` where it is absent, malformed, or of an encoded body. */
export function readContentLength(headers: Headers): number | null {
  const encoding = headers.get("Content-Encoding");
  if (encoding !== null && encoding !== "identity") return null;
  const value = headers.get("Content-Length") ?? "";
  return /^\d{1,15}$/.test(value) ? Number(value) : null;
}
