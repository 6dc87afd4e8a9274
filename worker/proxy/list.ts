import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error-code.ts";
import { MEDIA_TYPE } from "../oci/media-type.ts";
import { type Tag, parseTag } from "../oci/tag.ts";
import { StoreError } from "../store/errors.ts";
import type { RepositoryKey, TagStore } from "../store/store.ts";
import { UpstreamError, isAway } from "../upstream/errors.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { type Audience, type ProofDeps, isKnownPublic } from "./proof.ts";

/** What listing a repository's tags needs. */
export interface ListDeps {
  readonly store: Pick<TagStore, "listTags">;
  readonly key: RepositoryKey;
  readonly audience: Audience;
  readonly proof: ProofDeps;
  /** The registry as the client may see it, which says itself what is public. */
  readonly shown: Upstream;
}

/** A page of tags. */
export interface TagsPage {
  readonly tags: readonly Tag[];
  /** The query of the next page; `null` on the last. */
  readonly next: Readonly<Record<string, string>> | null;
  /** Set where the upstream was away and these are the cached tags alone. */
  readonly stale: UpstreamError["failure"] | null;
}

const DEADLINE_MS = 10_000;
/** As many as one listing of the store gives. */
const MAX_TAGS = 1000;

/**
 * Lists a repository's tags: the upstream's page, or the cached tags where it is away.
 *
 * @throws {@link RegistryError} `NAME_UNKNOWN` where the upstream has no such repository or hides it
 * @throws {@link UpstreamError} where the upstream is away and nothing is cached
 * @see OCI distribution spec v1.1.1, "Listing Tags" (end-8)
 */
export async function listTags(
  deps: ListDeps,
  page: { readonly limit: number | null; readonly last: string | null },
): Promise<TagsPage> {
  const query: Record<string, string> = {};
  if (page.limit !== null) query["n"] = String(page.limit);
  if (page.last !== null) query["last"] = page.last;
  try {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const path = { rest: "tags/list", query };
    const found = await deps.shown.list(deps.key.repository, path, signal);
    if (found === null) throw new RegistryError("NAME_UNKNOWN");
    return { tags: readTags(found.body), next: found.next, stale: null };
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    if (!isAway(error.failure)) throw new RegistryError("NAME_UNKNOWN");
    return await listCached(deps, page, error);
  }
}

async function listCached(
  deps: ListDeps,
  page: { readonly limit: number | null; readonly last: string | null },
  away: UpstreamError,
): Promise<TagsPage> {
  const { limit, last } = page;
  if (!(await isReadable(deps))) throw away;
  const count = Math.min(limit ?? MAX_TAGS, MAX_TAGS - 1);
  // One more than asked for tells whether there is a next page.
  const listing = deps.store.listTags(deps.key, { last, limit: count + 1 });
  const tags = await listing.catch((error: unknown) => {
    throw error instanceof StoreError ? away : error;
  });
  if (tags.length === 0 && last === null) throw away;
  const shown = tags.slice(0, count);
  const end = shown.at(-1);
  const next =
    tags.length > count && end !== undefined ? { n: String(count), last: String(end) } : null;
  return { tags: shown, next, stale: away.failure };
}

/** Whether what is stored may be listed, as far as that is known: the upstream is away. */
async function isReadable({ key, audience, proof }: ListDeps): Promise<boolean> {
  if (audience === "private" || isKnownPublic(proof, key)) return true;
  const { kind } = await proof.gate.prove(key, null);
  return kind === "proven" || kind === "believed";
}

function readTags(body: unknown): Tag[] {
  const { tags } = (body ?? {}) as { tags?: unknown };
  if (!Array.isArray(tags)) return [];
  const found: Tag[] = [];
  for (const tag of tags as unknown[]) {
    const parsed = typeof tag === "string" ? parseTag(tag) : null;
    if (parsed !== null) found.push(parsed);
  }
  return found;
}

/** An index of referrers as the spec has it. */
export interface Referrers {
  readonly index: unknown;
  /** Whether the upstream filtered by artifact type. */
  readonly filtered: boolean;
  readonly next: Readonly<Record<string, string>> | null;
}

const EMPTY_INDEX = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] };

/**
 * Lists what refers to a manifest: the upstream's answer, or the empty index where it has no such endpoint.
 *
 * @throws {@link UpstreamError} where the upstream is away
 * @see OCI distribution spec v1.1.1, "Listing Referrers" (end-12)
 */
export async function listReferrers(
  deps: Pick<ListDeps, "shown">,
  key: RepositoryKey,
  wanted: { readonly digest: Digest; readonly query: Readonly<Record<string, string>> },
): Promise<Referrers> {
  const path = { rest: `referrers/${wanted.digest}`, query: wanted.query };
  try {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const found = await deps.shown.list(key.repository, path, signal);
    if (found === null) return { index: EMPTY_INDEX, filtered: false, next: null };
    const filtered = found.headers.get("OCI-Filters-Applied")?.includes("artifactType") ?? false;
    return { index: found.body, filtered, next: found.next };
  } catch (error) {
    // Hidden repositories, and registries that refuse the path, have no referrers that we could show.
    const status = error instanceof UpstreamError ? (error.failure.status ?? 0) : 0;
    if (status >= 400 && status < 500 && status !== 429)
      return { index: EMPTY_INDEX, filtered: false, next: null };
    throw error;
  }
}
