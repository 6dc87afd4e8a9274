import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error-code.ts";
import type { Tag, TagOrDigest } from "../oci/tag.ts";
import { StoreError } from "../store/errors.ts";
import { manifestName, tagName } from "../store/keys.ts";
import type {
  ManifestStore,
  RepositoryKey,
  StoredManifest,
  StoredTag,
  TagStore,
} from "../store/store.ts";
import { UpstreamError, type UpstreamFailure, isAway } from "../upstream/errors.ts";
import type { Quota } from "../upstream/quota.ts";
import { ByteLru } from "./byte-lru.ts";
import type { GateAnswer, ManifestGate, ManifestStat } from "./manifest-gate.ts";
import { NamedBlobs } from "./named-blobs.ts";
import {
  type Audience,
  type ProofMemory,
  createProofMemory,
  type Standing,
  askingOf,
  forgetPublic,
  rememberPublic,
  requireReadable,
} from "./proof.ts";

/**
 * How an answer came about. `hit`: from the store alone. `revalidated`: from the store, after the upstream confirmed
 * the tag. `stale`: from the store, unconfirmed, since the upstream was away. `miss`: pulled from the upstream.
 */
type Outcome = "hit" | "revalidated" | "stale" | "miss";

/** A manifest to answer with. */
export interface ServedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  /** `null` where only the head was asked for. */
  readonly bytes: Uint8Array | null;
  readonly outcome: Outcome;
  /** Whether the upstream was asked for it and has answered well just now. */
  readonly asked: boolean;
  /** Whether the upstream counted a pull for it. */
  readonly counted: boolean;
  readonly quota: Quota | null;
  /** Only on a stale answer: why, and when the upstream last confirmed it (milliseconds since the epoch). */
  readonly stale: { readonly failure: UpstreamFailure; readonly checkedAt: number } | null;
}

/** 16 MiB of manifests per isolate: about 8,000 of the usual size, out of 128 MB. */
const MAX_MANIFEST_CACHE_BYTES = 16 * 1024 * 1024;
/** About what a tag's entry takes, to bound their number by bytes too. */
const TAG_ENTRY_BYTES = 512;
const MAX_TAG_CACHE_BYTES = 4 * 1024 * 1024;

/** What an isolate holds of manifests: plain data, safe to share between requests. */
export interface ManifestMemory {
  readonly manifests: ByteLru<string, StoredManifest>;
  readonly tags: ByteLru<string, ManifestStat>;
  readonly proofs: ProofMemory;
  readonly named: NamedBlobs;
}

/** Makes an empty memory, to be kept as long as the isolate lives. */
export function createManifestMemory(): ManifestMemory {
  return {
    manifests: new ByteLru(MAX_MANIFEST_CACHE_BYTES),
    tags: new ByteLru(MAX_TAG_CACHE_BYTES),
    proofs: createProofMemory(),
    named: new NamedBlobs(),
  };
}

/** Drops a manifest that is in the store no more: its blobs may be gone too. */
export function forgetManifest(memory: ManifestMemory, key: RepositoryKey, digest: Digest): void {
  memory.manifests.delete(manifestName(key, digest));
}

/** What serving a manifest needs. */
export interface ManifestDeps {
  readonly store: ManifestStore & TagStore;
  readonly memory: ManifestMemory;
  readonly gate: ManifestGate;
  readonly tagTtlMs: number;
  readonly publicTtlMs: number;
  /** What counts as public without a proof. */
  readonly isPublic: (key: RepositoryKey) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface ManifestRequest {
  readonly key: RepositoryKey;
  readonly target: TagOrDigest;
  readonly audience: Audience;
  /** Whether only the head is wanted: no counted pull is spent on it. */
  readonly headOnly: boolean;
}

/** A request with how its repository stands. */
interface StandingRequest extends ManifestRequest {
  readonly standing: Standing;
}

type Partial = Omit<ServedManifest, "digest" | "mediaType" | "size" | "bytes">;

const HIT: Partial = {
  outcome: "hit",
  asked: false,
  counted: false,
  quota: null,
  stale: null,
};

/**
 * Finds a manifest: in memory, else the store, else at the upstream.
 *
 * A tag inside its TTL is not asked for upstream. Past it, it is confirmed by HEAD; where the upstream is away, what
 * is stored is served and says so; where the upstream denies it, it is refused. What is stored of a repository that is
 * not public is served to those alone who may read it in any case.
 *
 * @throws {@link RegistryError} `MANIFEST_UNKNOWN` or `NAME_UNKNOWN` where the upstream has it not or hides it
 * @throws {@link UpstreamError} where nothing is stored and the upstream is away
 */
export async function serveManifest(
  deps: ManifestDeps,
  request: ManifestRequest,
): Promise<ServedManifest> {
  const { key, target, audience } = request;
  const proof = { ...deps, proofs: deps.memory.proofs };
  const standing = await requireReadable(proof, key, { audience, probe: target });
  const asked = { ...request, standing };
  const served =
    target.kind === "digest"
      ? await serveDigest(deps, asked, target.digest)
      : await serveTag(deps, asked, target.tag);
  const { bytes } = served;
  if (bytes !== null) deps.memory.named.readFrom(request.key, { ...served, bytes });
  return served;
}

async function serveDigest(
  deps: ManifestDeps,
  request: StandingRequest,
  digest: Digest,
): Promise<ServedManifest> {
  const held = mayServeStored(request) ? await findManifest(deps, request.key, digest) : null;
  if (held !== null) return withBytes(held, request, HIT);
  if (request.headOnly) {
    const { value, quota, asked, counted } = accept(
      deps,
      request,
      await check(deps, request, false),
    );
    return headOf(value, { ...HIT, outcome: "miss", quota, asked, counted });
  }
  return await pull(deps, request, request.target);
}

async function serveTag(
  deps: ManifestDeps,
  request: StandingRequest,
  tag: Tag,
): Promise<ServedManifest> {
  const { key, headOnly, target, standing } = request;
  const held = mayServeStored(request) ? await findTag(deps, key, tag) : null;
  if (held !== null && deps.now() - held.checkedAt < deps.tagTtlMs)
    return await serveKnown(deps, request, { stat: held, part: HIT });
  if (held === null && !headOnly) return await pull(deps, request, target);
  // It was asked just now and is away: what is held can be served at once.
  if (held !== null && standing.kind === "believed")
    return await serveStale(deps, request, { held, failure: standing.failure });

  const answer = await check(deps, request, held !== null);
  if (answer.kind !== "found") forgetTag(deps, key, tag);
  if (answer.kind === "failed" && held !== null && isAway(answer.failure))
    return await serveStale(deps, request, { held, failure: answer.failure });
  const { value: stat, quota, asked, counted } = accept(deps, request, answer);
  rememberTag(deps, key, { tag, stat });
  const part: Partial = { ...HIT, outcome: "revalidated", quota, asked, counted };
  if (held === null) return headOf(stat, { ...part, outcome: "miss" });

  try {
    return await serveKnown(deps, request, { stat, part });
  } catch (error) {
    // The tag has moved to a manifest that cannot be had now: yesterday's is better than none.
    if (!(error instanceof UpstreamError) || !isAway(error.failure) || stat.digest === held.digest)
      throw error;
    return await serveStale(deps, request, { held, failure: error.failure });
  }
}

/** Answers with the manifest that a tag is known to point at. */
async function serveKnown(
  deps: ManifestDeps,
  request: StandingRequest,
  known: { readonly stat: ManifestStat; readonly part: Partial },
): Promise<ServedManifest> {
  const { stat, part } = known;
  if (request.headOnly) return headOf(stat, part);
  const manifest = await findManifest(deps, request.key, stat.digest);
  if (manifest !== null) return withBytes(manifest, request, part);
  return await pull(deps, request, { kind: "digest", digest: stat.digest });
}

async function serveStale(
  deps: ManifestDeps,
  request: StandingRequest,
  from: { readonly held: ManifestStat; readonly failure: UpstreamFailure },
): Promise<ServedManifest> {
  const { held, failure } = from;
  const stale = { failure, checkedAt: held.checkedAt };
  const part: Partial = { ...HIT, outcome: "stale", stale };
  if (request.headOnly) return headOf(held, part);
  const manifest = await findManifest(deps, request.key, held.digest);
  if (manifest === null) throw new UpstreamError(failure);
  return withBytes(manifest, request, part);
}

async function pull(
  deps: ManifestDeps,
  request: StandingRequest,
  target: TagOrDigest,
): Promise<ServedManifest> {
  const { key, audience, standing } = request;
  const answer = await deps.gate.pull(key, target, askingOf(audience, standing));
  const { value, quota, asked, counted } = accept(deps, request, answer);
  keepManifest(deps, request.key, value);
  if (target.kind === "tag") {
    const { digest, mediaType, bytes } = value;
    const stat = { digest, mediaType, size: bytes.byteLength, checkedAt: deps.now() };
    rememberTag(deps, request.key, { tag: target.tag, stat });
  }
  return withBytes(value, request, { ...HIT, outcome: "miss", asked, counted, quota });
}

function check(
  deps: ManifestDeps,
  { key, target, audience, standing }: StandingRequest,
  held: boolean,
): Promise<GateAnswer<ManifestStat>> {
  return deps.gate.check(key, target, { held, asking: askingOf(audience, standing) });
}

/** Where nothing is known of the repository, what is stored may be from the time of another account. */
function mayServeStored({ standing }: StandingRequest): boolean {
  return standing.kind !== "unasked";
}

function accept<T>(
  deps: ManifestDeps,
  { key, standing }: StandingRequest,
  answer: GateAnswer<T>,
): Extract<GateAnswer<T>, { kind: "found" }> {
  const { proofs } = deps.memory;
  switch (answer.kind) {
    case "found":
      // Asked without the account, the upstream has just shown it to everybody.
      if (answer.asked && standing.kind !== "readable") rememberPublic({ ...deps, proofs }, key);
      return answer;
    case "absent":
      throw new RegistryError("MANIFEST_UNKNOWN");
    case "failed":
      if (isAway(answer.failure)) throw new UpstreamError(answer.failure);
      forgetPublic({ proofs }, key);
      // Docker Hub's 401 for what is private or does not exist. Passed on, it would start a login at the mirror.
      throw new RegistryError("NAME_UNKNOWN");
  }
}

async function findManifest(
  deps: ManifestDeps,
  key: RepositoryKey,
  digest: Digest,
): Promise<StoredManifest | null> {
  const held = deps.memory.manifests.get(manifestName(key, digest));
  if (held !== undefined) return held;
  const stored = await orNull(() => deps.store.getManifest(key, digest));
  if (stored !== null) keepManifest(deps, key, stored);
  return stored;
}

async function findTag(
  deps: ManifestDeps,
  key: RepositoryKey,
  tag: Tag,
): Promise<ManifestStat | null> {
  const held = deps.memory.tags.get(tagName(key, tag));
  if (held !== undefined && deps.now() - held.checkedAt < deps.tagTtlMs) return held;
  const stored: StoredTag | null = await orNull(() => deps.store.getTag(key, tag));
  if (stored === null) return held ?? null;
  const { digest, mediaType, bytes } = stored;
  if (bytes !== null) keepManifest(deps, key, { digest, mediaType, bytes });
  // The store is written less often than the upstream is asked: what was learnt since is newer.
  if (held !== undefined && held.checkedAt > stored.checkedAt) return held;
  rememberTag(deps, key, { tag, stat: stored });
  return stored;
}

/** A store that is away hides what it holds, and is no reason to refuse what the upstream has. */
async function orNull<T>(read: () => Promise<T | null>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof StoreError) return null;
    throw error;
  }
}

function keepManifest(deps: ManifestDeps, key: RepositoryKey, manifest: StoredManifest): void {
  deps.memory.manifests.set(
    manifestName(key, manifest.digest),
    manifest,
    manifest.bytes.byteLength,
  );
}

function rememberTag(
  deps: ManifestDeps,
  key: RepositoryKey,
  known: { readonly tag: Tag; readonly stat: ManifestStat },
): void {
  const { digest, mediaType, size, checkedAt } = known.stat;
  const stat = { digest, mediaType, size, checkedAt };
  deps.memory.tags.set(tagName(key, known.tag), stat, TAG_ENTRY_BYTES);
}

function forgetTag(deps: ManifestDeps, key: RepositoryKey, tag: Tag): void {
  deps.memory.tags.delete(tagName(key, tag));
}

function headOf(stat: ManifestStat, part: Partial): ServedManifest {
  const { digest, mediaType, size } = stat;
  return { digest, mediaType, size, bytes: null, ...part };
}

function withBytes(
  manifest: StoredManifest,
  request: StandingRequest,
  part: Partial,
): ServedManifest {
  const { digest, mediaType, bytes } = manifest;
  return {
    digest,
    mediaType,
    size: bytes.byteLength,
    bytes: request.headOnly ? null : bytes,
    ...part,
  };
}
