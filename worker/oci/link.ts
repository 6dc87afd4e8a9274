/** 64 KiB: no paging link of a registry comes near it. */
const MAX_LENGTH = 64 * 1024;

/**
 * Finds the target of the first `rel="next"` in a `Link` header.
 *
 * @returns the target as written, which may be relative; `null` where there is none
 * @see RFC 8288 §3
 */
export function parseNextLink(header: string): string | null {
  const link = /<([^<>]*)>((?:\s*;\s*[^,;"<]*(?:"[^"]*")?)*)/g;
  for (const [, target, parameters] of header.slice(0, MAX_LENGTH).matchAll(link)) {
    if (
      /;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=\s*(?:;|$)))/i.test(parameters ?? "")
    )
      return target ?? null;
  }
  return null;
}

/** Writes the `Link` header that points at the next page. */
export function formatNextLink(path: string, query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  return `<${path}?${pairs.join("&")}>; rel="next"`;
}
