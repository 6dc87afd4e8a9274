/**
 * Reads the address that a request came from.
 *
 * @param isLocal - no edge stands before the mirror, and a client's own `CF-Connecting-IP` counts for nothing
 * @returns `""` where no edge vouches for one
 */
export function readAddress(request: Request, isLocal: boolean): string {
  // Only Cloudflare's edge puts `cf` on a request.
  const isVouchedFor = !isLocal && request.cf !== undefined;
  return (isVouchedFor ? request.headers.get("CF-Connecting-IP") : null) ?? "";
}
