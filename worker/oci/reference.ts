import { type Digest, parseDigest } from "./digest.ts";
import { type RepositoryName, canonicalDockerHubName, parseRepository } from "./repository.ts";
import { type Tag, parseTag } from "./tag.ts";

/** A full image reference, as a client would pull it after Docker's defaults were filled in. */
export interface ImageReference {
  /** Host and optional port; `docker.io` for Docker Hub, whatever alias was written. */
  readonly registry: string;
  readonly repository: RepositoryName;
  /** `latest` where neither tag nor digest was written; `null` where only a digest was. */
  readonly tag: Tag | null;
  readonly digest: Digest | null;
}

/** The name under which Docker Hub's images are known to every client. */
export const DOCKER_HUB = "docker.io";

/** Host names that are all Docker Hub. Observed in docker/reference and in users' files. */
const DOCKER_HUB_ALIASES: ReadonlySet<string> = new Set([
  DOCKER_HUB,
  "index.docker.io",
  "registry-1.docker.io",
  "registry.hub.docker.com",
  "registry.docker.io",
]);

/** Whether a host name is one of Docker Hub's. */
export function isDockerHub(host: string): boolean {
  return DOCKER_HUB_ALIASES.has(host.toLowerCase());
}

/**
 * Reads a registry's host name, with a port where it has one: in lower case, and `docker.io` for every name of Docker
 * Hub's.
 *
 * @returns `null` where it is no host's name, or one that cannot be told from a namespace
 */
export function parseRegistry(text: string): string | null {
  if (text.length > MAX_HOST_LENGTH || !HOST.test(text) || !isHostLike(text)) return null;
  return isDockerHub(text) ? DOCKER_HUB : text.toLowerCase();
}

/**
 * Reads a repository with or without its registry before it: `ghcr.io/owner/image`, or `alpine` of Docker Hub.
 *
 * @param namespace - the registry, where it was told apart from the name; the first part is then no host in any case
 * @returns `null` where host or name break their grammar
 */
export function parseRepositoryPath(
  written: string,
  namespace: string | null,
): { readonly registry: string; readonly repository: RepositoryName } | null {
  const host = namespace ?? splitHost(written);
  const registry = host === null ? DOCKER_HUB : parseRegistry(host);
  const prefix = host === null || namespace !== null ? 0 : host.length + 1;
  const name = parseRepository(written.slice(prefix));
  if (registry === null || name === null) return null;
  return { registry, repository: registry === DOCKER_HUB ? canonicalDockerHubName(name) : name };
}

function splitHost(written: string): string | null {
  const first = written.slice(0, Math.max(0, written.indexOf("/")));
  return isHostLike(first) ? first : null;
}

/** Docker's rule: a first part is a host where it has a dot or a port, or is `localhost`. No namespace of Docker Hub's is. */
function isHostLike(first: string): boolean {
  return first === "localhost" || /[.:]/.test(first);
}

/** A repository as people write it: Docker Hub's bare, another registry's with its host name. */
export function formatRepository(registry: string, repository: string): string {
  return registry === DOCKER_HUB ? repository : `${registry}/${repository}`;
}

/**
 * Reads an image reference the way Docker does: `alpine` is `docker.io/library/alpine:latest`.
 *
 * @returns `null` where Docker would refuse it, which includes unexpanded variables
 * @see distribution/reference, "ParseDockerRef" and "splitDockerDomain"
 */
export function parseImageReference(text: string): ImageReference | null {
  const at = text.indexOf("@");
  const digest = at < 0 ? null : parseDigest(text.slice(at + 1));
  if (at >= 0 && digest === null) return null;

  const { registry, rest } = splitRegistry(at < 0 ? text : text.slice(0, at));
  const colon = rest.indexOf(":");
  const name = parseRepository(colon < 0 ? rest : rest.slice(0, colon));
  const tag = parseTag(colon < 0 ? "latest" : rest.slice(colon + 1));
  if (name === null || tag === null || registry === null) return null;

  return {
    registry,
    repository: registry === DOCKER_HUB ? canonicalDockerHubName(name) : name,
    tag: digest !== null && colon < 0 ? null : tag,
    digest,
  };
}

/** Writes a reference out in full, with host, repository, and whichever of tag and digest it has. */
export function formatImageReference(reference: ImageReference): string {
  const tag = reference.tag === null ? "" : `:${reference.tag}`;
  const digest = reference.digest === null ? "" : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** The longest name that DNS has, and a port. */
const MAX_HOST_LENGTH = 260;

const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;

/** The first part is a host only where it has a dot, a port, upper case, or is `localhost`. */
function splitRegistry(text: string): { registry: string | null; rest: string } {
  const slash = text.indexOf("/");
  const first = slash < 0 ? "" : text.slice(0, slash);
  const isHost = isHostLike(first) || first !== first.toLowerCase();
  if (!isHost) return { registry: DOCKER_HUB, rest: text };
  const rest = text.slice(slash + 1);
  if (isDockerHub(first)) return { registry: DOCKER_HUB, rest };
  return { registry: HOST.test(first) ? first : null, rest };
}
