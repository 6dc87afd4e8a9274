declare const brand: unique symbol;

/** A repository's name without a host, the spec's `<name>`, made only by {@link parseRepository}. */
export type RepositoryName = string & { readonly [brand]: "RepositoryName" };

/** @see OCI distribution spec v1.1.1, "Pulling manifests": the grammar of `<name>`. */
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/** Many clients cap host and name together at 255 characters; the name alone can never be longer. */
const MAX_LENGTH = 255;

/** Reads a repository's name; `null` where it breaks the spec's grammar. */
export function parseRepository(text: string): RepositoryName | null {
  return text.length <= MAX_LENGTH && NAME.test(text) ? (text as RepositoryName) : null;
}

/**
 * Gives the name under which Docker Hub knows a repository: `alpine` is `library/alpine`.
 *
 * Used for token scope, upstream URL and store key alike, so that nothing is stored twice.
 */
export function canonicalDockerHubName(name: RepositoryName): RepositoryName {
  return name.includes("/") ? name : (`library/${name}` as RepositoryName);
}
