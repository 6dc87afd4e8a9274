import type { Upstream, Upstreams } from "./upstream.ts";
import { UpstreamError } from "./errors.ts";

/**
 * Makes the registries' clients for one request or one Durable Object, each when it is first needed.
 *
 * @param names - of all that are listed
 */
export function createUpstreams(
  names: readonly string[],
  create: (name: string) => Upstream,
): Upstreams {
  const made = new Map<string, Upstream>();
  return {
    names,
    find(name) {
      const known = made.get(name);
      if (known !== undefined) return known;
      if (!names.includes(name)) return null;
      const upstream = create(name);
      made.set(name, upstream);
      return upstream;
    },
  };
}

/**
 * Finds the registry that something is stored under.
 *
 * @throws {@link UpstreamError} where it was taken off the list since
 */
export function findUpstream(upstreams: Upstreams, name: string): Upstream {
  const upstream = upstreams.find(name);
  if (upstream !== null) return upstream;
  const message = "it is not among this mirror's registries any more";
  throw new UpstreamError({ kind: "unreachable", upstream: name, message });
}
