import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import type { TagOrDigest } from "../oci/tag.ts";
import type { DirectGate, GateAnswer, ManifestGate, ManifestStat } from "../proxy/manifest-gate.ts";
import type { Asking, Probe, ProofAnswer, ProofLog } from "../proxy/proof.ts";
import type { RepositoryKey, StoredManifest } from "../store/store.ts";
import { createParts } from "../parts.ts";

/**
 * One object per repository, so that the upstream is asked once whichever isolates the clients reached.
 *
 * What it learns of manifests is in the store before it answers; itself it keeps when the repository was last proven
 * public, which must outlive it for an outage of the upstream.
 */
export class ManifestGateObject extends DurableObject<Env> implements ManifestGate {
  readonly #gate: DirectGate;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#gate = createParts(env).createGate(
      (work) => ctx.waitUntil(work),
      createProofLog(ctx.storage.kv),
    );
  }

  check(
    key: RepositoryKey,
    target: TagOrDigest,
    how: { readonly held: boolean; readonly asking: Asking },
  ): Promise<GateAnswer<ManifestStat>> {
    return this.#gate.check(key, target, how);
  }

  pull(
    key: RepositoryKey,
    target: TagOrDigest,
    asking: Asking,
  ): Promise<GateAnswer<StoredManifest>> {
    return this.#gate.pull(key, target, asking);
  }

  prove(key: RepositoryKey, probe: Probe | null): Promise<ProofAnswer> {
    return this.#gate.prove(key, probe);
  }
}

const PROVEN_AT = "provenAt";

/** Of the one repository that the object is for. */
function createProofLog(kv: SyncKvStorage): ProofLog {
  return {
    read: () => kv.get<number>(PROVEN_AT) ?? null,
    write: (_key, provenAt) => kv.put(PROVEN_AT, provenAt),
    clear: () => void kv.delete(PROVEN_AT),
  };
}
