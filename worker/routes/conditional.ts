import type { Digest } from "../oci/digest.ts";

/** A digest is the strongest validator there is. */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/** Whether the client has this content already. @see RFC 9110 §13.1.2 */
export function isNotModified(request: Request, digest: Digest): boolean {
  const header = request.headers.get("If-None-Match");
  if (header === null) return false;
  const tags = header.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes("*") || tags.includes(entityTag(digest));
}

/** Whether a range may be answered: `If-Range`, where it is sent, must name this very content. @see RFC 9110 §13.1.5 */
export function isRangeWanted(request: Request, digest: Digest): boolean {
  const header = request.headers.get("If-Range");
  return header === null || header.trim() === entityTag(digest);
}
