import { formatRepository } from "../oci/reference.ts";
import type { CatalogStore, Page } from "../store/store.ts";
import type { Upstreams } from "../upstream/upstream.ts";

/** What listing the catalog needs. */
export interface CatalogDeps {
  readonly store: Pick<CatalogStore, "listRepositories">;
  readonly upstreams: Pick<Upstreams, "names">;
}

/**
 * Lists what was pulled, of all registries in one lexical order: Docker Hub's names bare, others with their host.
 *
 * One listing of the store for each registry.
 */
export async function listNames(deps: CatalogDeps, page: Page): Promise<string[]> {
  const { store, upstreams } = deps;
  const lists = await Promise.all(
    upstreams.names.map(async (upstream) => {
      const prefix = formatRepository(upstream, "");
      const last = lastWithin(prefix, page.last);
      if (last === "beyond") return [];
      const found = await store.listRepositories(upstream, { last, limit: page.limit });
      return found.map((repository) => formatRepository(upstream, repository));
    }),
  );
  return lists
    .flat()
    .toSorted((a, b) => (a < b ? -1 : 1))
    .slice(0, page.limit);
}

/** Where a registry's own list goes on after a name of the whole one; `beyond` where that comes after all of its names. */
function lastWithin(prefix: string, last: string | null): string | null {
  if (last === null || last < prefix) return null;
  return last.startsWith(prefix) ? last.slice(prefix.length) : "beyond";
}
