import { parseRegistry, parseRepositoryPath } from "../oci/reference.ts";
import type { RepositoryKey } from "../store/store.ts";

/** The repositories that a variable lists. */
export interface RepositoryList {
  /** The registries that it has something of. */
  readonly upstreams: readonly string[];
  has(key: RepositoryKey): boolean;
}

/**
 * Reads `PRIVATE_REPOSITORIES` or `PUBLIC_REPOSITORIES`: names parted by commas or blanks, with the registry before them where it is not Docker
 * Hub; `acme/*` stands for everything below `acme/`, `ghcr.io/*` for all of a registry.
 *
 * @param refuse - called with what is wrong; must throw
 */
export function parseRepositoryList(
  text: string,
  refuse: (problem: string) => never,
): RepositoryList {
  const items = text.split(/[\s,]+/).filter((item) => item !== "");
  const rules = items.map(
    (item) =>
      readRule(item) ??
      refuse(`has ${JSON.stringify(item)}, which is no repository, and no name that ends in /*`),
  );
  return {
    upstreams: [...new Set(rules.map(({ upstream }) => upstream))],
    has: ({ upstream, repository }) =>
      rules.some(
        (rule) =>
          rule.upstream === upstream &&
          (rule.isPrefix ? repository.startsWith(rule.name) : repository === rule.name),
      ),
  };
}

interface Rule {
  readonly upstream: string;
  readonly name: string;
  /** `name` ends with a slash, or is empty for all of a registry. */
  readonly isPrefix: boolean;
}

function readRule(item: string): Rule | null {
  const isPrefix = item.endsWith("/*");
  // A namespace after Docker Hub's own name would be read as an official image.
  const written = isPrefix ? item.slice(0, -2).replace(/^docker\.io\//, "") : item;
  // One part alone is a registry, or a namespace of Docker Hub's and not the official image of that name.
  if (isPrefix && !written.includes("/")) {
    const isHost = written === "localhost" || /[.:]/.test(written);
    const upstream = isHost ? parseRegistry(written) : "docker.io";
    if (upstream === null || (!isHost && parseRepositoryPath(written, null) === null)) return null;
    return { upstream, name: isHost ? "" : `${written}/`, isPrefix };
  }
  const found = parseRepositoryPath(written, null);
  if (found === null) return null;
  const { registry: upstream, repository } = found;
  return { upstream, name: isPrefix ? `${repository}/` : repository, isPrefix };
}
