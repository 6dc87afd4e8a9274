import { formatRepository } from "../oci/reference.ts";
import type { CatalogStore, Page, RepositoryKey } from "../store/store.ts";

/** What listing the catalog needs. */
export interface CatalogDeps {
  readonly store: Pick<CatalogStore, "listRepositories">;
  /** Whether a name may be told to this client. */
  readonly isTold: (key: RepositoryKey) => boolean;
}

/**
 * Lists what was pulled, of all registries in one lexical order: Docker Hub's names bare, others with their host.
 *
 * One listing of the store, and more where names are left out.
 */
export async function listNames(
  { store, isTold }: CatalogDeps,
  { last, limit }: Page,
): Promise<string[]> {
  const told: string[] = [];
  for (let after = last; told.length < limit;) {
    const wanted = limit - told.length;
    const found = await store.listRepositories({ last: after, limit: wanted });
    for (const key of found)
      if (isTold(key)) told.push(formatRepository(key.upstream, key.repository));
    const end = found.at(-1);
    if (end === undefined || found.length < wanted) break;
    after = formatRepository(end.upstream, end.repository);
  }
  return told;
}
