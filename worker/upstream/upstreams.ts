import { UpstreamError } from "./errors.ts";
import type { Upstream, Upstreams } from "./upstream.ts";

/** How the registries' clients are made. */
export interface UpstreamsOptions {
  /** Of all that are listed. */
  readonly names: readonly string[];
  readonly hasAccount: (name: string) => boolean;
  readonly create: (name: string, identity: "account" | "anonymous") => Upstream;
  /** Lets the sources of a registry be asked before it; gives back the same client where it has none. */
  readonly withSources: (upstream: Upstream) => Upstream;
}

/** Makes the registries' clients for one request or one Durable Object, each when it is first needed. */
export function createUpstreams(options: UpstreamsOptions): Upstreams {
  const { names, hasAccount, create, withSources } = options;
  const made = new Map<string, Upstream>();
  const find = (name: string, identity: "account" | "anonymous"): Upstream | null => {
    if (!names.includes(name)) return null;
    const id = `${identity} ${name}`;
    const upstream = made.get(id) ?? create(name, identity);
    made.set(id, upstream);
    return upstream;
  };
  const findOwn = (name: string): Upstream | null =>
    find(name, hasAccount(name) ? "account" : "anonymous");
  return {
    names,
    find: findOwn,
    findPublic(name) {
      const upstream = findOwn(name);
      return upstream === null ? null : withSources(upstream);
    },
    findAnonymous: (name) => find(name, "anonymous"),
  };
}

/**
 * Chooses in whose name content is had. What is not for everybody is not asked for elsewhere either, by its name: sources
 * are for what is public.
 */
export function finderOf(
  upstreams: Upstreams,
  asking: "public" | "private" | "anonymous",
): Upstreams["find"] {
  switch (asking) {
    case "public":
      return upstreams.findPublic;
    case "private":
      return upstreams.find;
    case "anonymous":
      return upstreams.findAnonymous;
  }
}

/**
 * Finds the registry that something is stored under.
 *
 * @param find - of {@link Upstreams}, with or without the operator's account
 * @throws {@link UpstreamError} where it was taken off the list since
 */
export function findUpstream(find: Upstreams["find"], name: string): Upstream {
  const upstream = find(name);
  if (upstream !== null) return upstream;
  const message = "it is not among this mirror's registries any more";
  throw new UpstreamError({ kind: "unreachable", upstream: name, message });
}
