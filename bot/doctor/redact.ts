/** Takes secrets out of what is about to be printed. */
export type Redact = (text: string) => string;

/** Makes a {@link Redact} for these secrets; what is absent or empty is none. */
export function createRedact(secrets: readonly (string | null | undefined)[]): Redact {
  const known = secrets
    .filter((secret): secret is string => typeof secret === "string" && secret !== "")
    // The longest first: one secret may hold another.
    .toSorted((a, b) => b.length - a.length);
  return (text) => known.reduce((clean, secret) => clean.replaceAll(secret, "***"), text);
}
