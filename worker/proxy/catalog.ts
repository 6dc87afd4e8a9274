import { formatRepository } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository.ts";
import type { CatalogStore, Page, RepositoryKey } from "../store/store.ts";
import type { Upstreams } from "../upstream/upstream.ts";

/** What listing the catalog needs. */
export interface CatalogDeps {
  readonly store: Pick<CatalogStore, "listRepositories">;
  readonly upstreams: Pick<Upstreams, "names">;
  /** Whether a name may be told to this client. */
  readonly isTold: (key: RepositoryKey) => boolean;
}

/**
 * Lists what was pulled, of all registries in one lexical order: Docker Hub's names bare, others with their host.
 *
 * One listing of the store for each registry, and more where names are left out.
 */
export async function listNames(deps: CatalogDeps, page: Page): Promise<string[]> {
  const lists = await Promise.all(
    deps.upstreams.names.map(async (upstream) => {
      const last = lastWithin(formatRepository(upstream, ""), page.last);
      if (last === "beyond") return [];
      const found = await listTold(deps, upstream, { last, limit: page.limit });
      return found.map((repository) => formatRepository(upstream, repository));
    }),
  );
  return lists
    .flat()
    .toSorted((a, b) => (a < b ? -1 : 1))
    .slice(0, page.limit);
}

async function listTold(
  { store, isTold }: CatalogDeps,
  upstream: string,
  { last, limit }: Page,
): Promise<readonly RepositoryName[]> {
  const told: RepositoryName[] = [];
  for (let after = last; told.length < limit;) {
    const found = await store.listRepositories(upstream, { last: after, limit });
    told.push(...found.filter((repository) => isTold({ upstream, repository })));
    const end = found.at(-1);
    if (end === undefined || found.length < limit) break;
    after = end;
  }
  return told;
}

/** Where a registry's own list goes on after a name of the whole one; `beyond` where that comes after all of its names. */
function lastWithin(prefix: string, last: string | null): string | null {
  if (last === null || last < prefix) return null;
  return last.startsWith(prefix) ? last.slice(prefix.length) : "beyond";
}
