import { type Digest, digestAlgorithm, formatDigest } from "../oci/digest.ts";
import { readManifest } from "../oci/manifest.ts";
import { MEDIA_TYPE } from "../oci/media-type.ts";
import type { Tag, TagOrDigest } from "../oci/tag.ts";
import { describeManifest } from "../inventory/describe.ts";
import type { Inventory } from "../inventory/inventory.ts";
import { StoreError } from "../store/errors.ts";
import { catalogKey } from "../store/keys.ts";
import type { RepositoryKey, Store, StoredManifest, StoredTag } from "../store/store.ts";
import { UpstreamError, type UpstreamFailure, failureOf, isAway } from "../upstream/errors.ts";
import type { Quota } from "../upstream/quota.ts";
import type { ManifestBody, ManifestHead, Upstreams } from "../upstream/upstream.ts";
import { finderOf, findUpstream } from "../upstream/upstreams.ts";
import { ByteLru } from "./byte-lru.ts";
import { InFlight } from "./in-flight.ts";
import type { Asking, Probe, ProofAnswer, Prover } from "./proof.ts";

/** The upstream's word on a manifest, as plain data that can cross from a Durable Object. */
export type GateAnswer<T> =
  | {
      readonly kind: "found";
      readonly value: T;
      readonly quota: Quota | null;
      /** Whether the upstream has answered just now, and this caller had it asked. */
      readonly asked: boolean;
      /** Whether the upstream counted a pull for it; told to one caller. */
      readonly counted: boolean;
    }
  /** The upstream said 404. */
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly failure: UpstreamFailure };

/** What is known of a manifest without its bytes. */
export type ManifestStat = Pick<StoredTag, "digest" | "mediaType" | "size" | "checkedAt">;

/**
 * Where everyone who needs the upstream's word on one repository's manifests waits for the same request.
 *
 * Implemented by {@link DirectGate}, and by a Durable Object that holds one per repository.
 */
export interface ManifestGate {
  /**
   * Asks by HEAD what a tag or digest is, and remembers a tag. No counted pull, but at an upstream that names no
   * digest on HEAD.
   *
   * The caller has made sure that the client may have it, as for {@link pull}.
   *
   * @param how - `held`: whether the caller has something to serve if the upstream is away, and is not kept waiting
   */
  check(
    key: RepositoryKey,
    target: TagOrDigest,
    how: { readonly held: boolean; readonly asking: Asking },
  ): Promise<GateAnswer<ManifestStat>>;
  /** Gets a manifest by one counted pull, verifies and stores it. */
  pull(
    key: RepositoryKey,
    target: TagOrDigest,
    asking: Asking,
  ): Promise<GateAnswer<StoredManifest>>;
  /** Says whether a repository is public. @see Prover.prove */
  prove(key: RepositoryKey, probe: Probe | null): Promise<ProofAnswer>;
}

/** What {@link DirectGate} works with. */
export interface GateOptions {
  readonly store: Store;
  /** Told of everything before it is stored; where it cannot be reached, nothing is. */
  readonly inventory: Pick<Inventory, "addManifest" | "addTag">;
  readonly upstreams: Upstreams;
  readonly prover: Prover;
  /** Whether a repository is listed as private: its name is kept for those who may know of it. */
  readonly isPrivate: (key: RepositoryKey) => boolean;
  /** Keeps the context alive for what no answer waits for. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly tagTtlMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** For what must not fail an answer: a store that would not take a manifest. */
  readonly warn: (message: string, error: unknown) => void;
}

/** How long a check may keep a client waiting whom a stored tag could serve. */
const CHECK_DEADLINE_MS = 2_000;
/** Docker's own clients give up after 15 to 30 s. */
const PULL_DEADLINE_MS = 12_000;
/** After a failed check, stored tags are served without asking again for the TTL, within these bounds. */
const SHORTEST_BACK_OFF_MS = 3_000;
const LONGEST_BACK_OFF_MS = 15_000;
/** A renewed `checkedAt` is written to the store only when the stored one is older than this: a hit costs no write. */
const PERSIST_AFTER_MS = 10 * 60_000;

/** Tags remembered as fresh, counted one each. */
const MAX_FRESH = 10_000;

/** Asks the upstream, once for any number of callers of this object. */
export class DirectGate implements ManifestGate {
  readonly #options: GateOptions;
  readonly #inFlight = new InFlight();
  /** Tags confirmed within the TTL, by repository and tag. */
  readonly #fresh = new ByteLru<string, ManifestStat>(MAX_FRESH);
  readonly #backOff = new Map<
    string,
    { readonly until: number; readonly failure: UpstreamFailure }
  >();
  readonly #listed = new Set<string>();
  readonly #unlisted = new Set<string>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  async prove(key: RepositoryKey, probe: Probe | null): Promise<ProofAnswer> {
    const prove = () => this.#options.prover.prove(key, probe);
    const answer = await this.#joinProof(`prove ${identify(key)}`, prove);
    if (answer.kind === "failed" && !isAway(answer.failure)) this.#unlist(key);
    return answer;
  }

  /** What one probe finds of a repository is the answer to all that wait, but where only its own target is not there. */
  async #joinProof(id: string, prove: () => Promise<ProofAnswer>): Promise<ProofAnswer> {
    if (!this.#inFlight.has(id)) return await this.#inFlight.run(id, prove);
    const joined = await this.#inFlight.run(id, prove);
    return joined.kind === "absent" ? await prove() : joined;
  }

  async check(
    key: RepositoryKey,
    target: TagOrDigest,
    how: { readonly held: boolean; readonly asking: Asking },
  ): Promise<GateAnswer<ManifestStat>> {
    const { held, asking } = how;
    const id = identify(key, target);
    const { now, tagTtlMs } = this.#options;
    const fresh = this.#fresh.get(id);
    if (fresh !== undefined && now() - fresh.checkedAt < tagTtlMs)
      return { kind: "found", value: fresh, quota: null, asked: false, counted: false };
    const backOff = this.#backOff.get(key.upstream);
    if (backOff !== undefined && now() < backOff.until && held)
      return { kind: "failed", failure: backOff.failure };
    // Who has nothing to serve is better off waiting than refused.
    const deadlineMs = held ? CHECK_DEADLINE_MS : PULL_DEADLINE_MS;
    const name = `check ${id} ${deadlineMs} ${nameIdentity(asking)}`;
    const work = () => this.#check(key, target, { deadlineMs, asking });
    return await this.#inFlight.run(name, work);
  }

  async pull(
    key: RepositoryKey,
    target: TagOrDigest,
    asking: Asking,
  ): Promise<GateAnswer<StoredManifest>> {
    const work = () => this.#pull(key, target, asking);
    const id = `pull ${identify(key, target)} ${nameIdentity(asking)}`;
    // One request was counted, and it is told to the caller that caused it.
    if (!this.#inFlight.has(id)) return this.#inFlight.run(id, work);
    const joined = this.#inFlight.run(id, work);
    return joined.then((answer) =>
      answer.kind === "found" ? { ...answer, asked: false, counted: false } : answer,
    );
  }

  async #check(
    key: RepositoryKey,
    target: TagOrDigest,
    how: { readonly deadlineMs: number; readonly asking: Asking },
  ): Promise<GateAnswer<ManifestStat>> {
    const { deadlineMs, asking } = how;
    const { now } = this.#options;
    const checkedAt = now();
    const signal = AbortSignal.timeout(deadlineMs);
    try {
      const { find, findAnonymous } = this.#options.upstreams;
      const upstream = findUpstream(asking === "anonymous" ? findAnonymous : find, key.upstream);
      const head = await upstream.headManifest(key.repository, target, signal);
      this.#backOff.delete(key.upstream);
      if (head !== null) this.#options.prover.answered(key, asking);
      if (head === null) return await this.#forget(key, target);
      const stat = readStat(head, target, checkedAt);
      // An upstream that names no digest on HEAD can only be asked by GET.
      if (stat === null) return await this.#checkByPull(key, target, asking);
      if (target.kind === "tag") await this.#remember(key, target.tag, { stat, bytes: null });
      return { kind: "found", value: stat, quota: head.quota, asked: true, counted: false };
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind === "unauthorized") await this.#hidden(key, target);
      else this.#startBackOff(key, failure);
      return { kind: "failed", failure };
    }
  }

  async #checkByPull(
    key: RepositoryKey,
    target: TagOrDigest,
    asking: Asking,
  ): Promise<GateAnswer<ManifestStat>> {
    const answer = await this.pull(key, target, asking);
    if (answer.kind !== "found") return answer;
    const { digest, mediaType, bytes } = answer.value;
    const value = { digest, mediaType, size: bytes.byteLength, checkedAt: this.#options.now() };
    return { ...answer, value };
  }

  async #pull(
    key: RepositoryKey,
    target: TagOrDigest,
    asking: Asking,
  ): Promise<GateAnswer<StoredManifest>> {
    const { now, upstreams } = this.#options;
    const checkedAt = now();
    const signal = AbortSignal.timeout(PULL_DEADLINE_MS);
    try {
      const upstream = findUpstream(finderOf(upstreams, asking), key.upstream);
      const body = await upstream.getManifest(key.repository, target, signal);
      if (body === null) return await this.#forget(key, target);
      const manifest = await verify(upstream.name, target, body);
      this.#backOff.delete(key.upstream);
      this.#options.prover.answered(key, asking);
      await this.#keep(key, manifest);
      const { digest, mediaType, bytes } = manifest;
      const stat = { digest, mediaType, size: bytes.byteLength, checkedAt };
      if (target.kind === "tag") await this.#remember(key, target.tag, { stat, bytes });
      const { quota, isCounted: counted = true } = body;
      return { kind: "found", value: manifest, quota, asked: true, counted };
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind === "unauthorized") await this.#hidden(key, target);
      return { kind: "failed", failure };
    }
  }

  async #hidden(key: RepositoryKey, target: TagOrDigest): Promise<void> {
    this.#options.prover.refused(key);
    this.#unlist(key);
    await this.#forget(key, target);
  }

  /** The upstream has withdrawn a tag, by 404 or by hiding the repository: it must not be served any more. */
  async #forget(key: RepositoryKey, target: TagOrDigest): Promise<{ readonly kind: "absent" }> {
    this.#fresh.delete(identify(key, target));
    if (target.kind === "tag")
      await this.#attempt("forget a tag", () => this.#options.store.deleteTag(key, target.tag));
    return { kind: "absent" };
  }

  async #remember(
    key: RepositoryKey,
    tag: Tag,
    known: { readonly stat: ManifestStat; readonly bytes: Uint8Array | null },
  ): Promise<void> {
    const { store, inventory } = this.#options;
    const { stat, bytes } = known;
    this.#fresh.set(identify(key, { kind: "tag", tag }), stat, 1);
    await this.#attempt("remember a tag", async () => {
      const stored = await store.getTag(key, tag);
      const same = stored?.digest === stat.digest;
      const held =
        bytes ?? (same ? stored.bytes : null) ?? (await this.#heldBytes(key, stat.digest));
      const complete = same && (stored.bytes !== null || held === null);
      if (complete && stat.checkedAt - stored.checkedAt < PERSIST_AFTER_MS) return;
      const { digest } = stat;
      const heldBytes = held?.byteLength ?? 0;
      const isKnown = await inventory.addTag(key, { tag, digest, heldBytes });
      // A tag's bytes outlive a manifest that was evicted just now: it is in the store again, then.
      if (!isKnown && held !== null)
        await this.#add(key, { digest, mediaType: stat.mediaType, bytes: held });
      await store.putTag(key, tag, { ...stat, bytes: held });
    });
  }

  async #heldBytes(key: RepositoryKey, digest: Digest): Promise<Uint8Array | null> {
    return (await this.#options.store.getManifest(key, digest))?.bytes ?? null;
  }

  async #keep(key: RepositoryKey, manifest: StoredManifest): Promise<void> {
    const { store } = this.#options;
    await this.#attempt("store a manifest", async () => {
      await this.#add(key, manifest);
      await store.putManifest(key, manifest);
    });
  }

  /** Has the inventory know a manifest, which must be so before it is stored, and the repository listed. */
  async #add(key: RepositoryKey, manifest: StoredManifest): Promise<void> {
    const { store, inventory } = this.#options;
    const { isNewRepository } = await inventory.addManifest(key, describeManifest(manifest));
    const name = `${key.upstream}/${key.repository}`;
    // Its entry went when the last manifest was evicted.
    if (!isNewRepository && this.#listed.has(name)) return;
    this.#listed.delete(name);
    await this.#attempt("list a repository", async () => {
      await store.addRepository(key);
      this.#listed.add(name);
      this.#unlisted.delete(name);
    });
  }

  /**
   * What is not public any more is not named either, until something new of it is stored.
   *
   * No answer waits for it: one that took longer would tell which names are listed as private.
   */
  #unlist(key: RepositoryKey): void {
    const { store, isPrivate, waitUntil } = this.#options;
    const name = identify(key);
    if (isPrivate(key) || this.#unlisted.has(name)) return;
    this.#unlisted.add(name);
    this.#listed.delete(name);
    waitUntil(
      this.#attempt("take a repository off the catalog", () =>
        store.deleteObjects([catalogKey(key)]),
      ),
    );
  }

  /** The mirror is never worse than no mirror: what the store refuses is served all the same. */
  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#options.warn(`could not ${what}`, error);
    }
  }

  #startBackOff(key: RepositoryKey, failure: UpstreamFailure): void {
    const { now, tagTtlMs } = this.#options;
    const until = now() + Math.min(LONGEST_BACK_OFF_MS, Math.max(SHORTEST_BACK_OFF_MS, tagTtlMs));
    this.#backOff.set(key.upstream, { until, failure });
  }
}

/** Whoever has something of the account's must not get what a stranger was refused, nor the other way round. */
function nameIdentity(asking: Asking): string {
  return asking === "anonymous" ? "as a stranger" : "";
}

function identify(key: RepositoryKey, target?: TagOrDigest): string {
  const last =
    target === undefined ? "" : target.kind === "tag" ? `:${target.tag}` : `@${target.digest}`;
  return `${key.upstream}/${key.repository}${last}`;
}

function readStat(head: ManifestHead, target: TagOrDigest, checkedAt: number): ManifestStat | null {
  const { digest, mediaType, size } = head;
  if (digest === null || mediaType === null || size === null) return null;
  if (target.kind === "digest" && target.digest !== digest) return null;
  return { digest, mediaType, size, checkedAt };
}

/** Computes the digest of what came and refuses it where another was asked for or promised. */
async function verify(
  upstream: string,
  target: TagOrDigest,
  body: ManifestBody,
): Promise<StoredManifest> {
  const expected = target.kind === "digest" ? target.digest : body.digest;
  const algorithm = expected === null ? "sha256" : digestAlgorithm(expected);
  const hash = await crypto.subtle.digest(
    algorithm === "sha256" ? "SHA-256" : "SHA-512",
    body.bytes,
  );
  const digest = formatDigest(algorithm, hash);
  const content = readManifest(new TextDecoder().decode(body.bytes), body.mediaType);
  if (content === null || (expected !== null && expected !== digest)) {
    const message =
      content === null ? "a manifest that is no JSON" : "a manifest of another digest";
    throw new UpstreamError({ kind: "bad-response", upstream, message });
  }
  return { digest, mediaType: content.mediaType || MEDIA_TYPE.ociManifest, bytes: body.bytes };
}
