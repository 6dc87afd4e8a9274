import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import type { TagOrDigest } from "../oci/tag.ts";
import type { DirectGate, GateAnswer, ManifestGate, ManifestStat } from "../proxy/manifest-gate.ts";
import type { RepositoryKey, StoredManifest } from "../store/store.ts";
import { createParts } from "../parts.ts";

/**
 * One object per repository, so that the upstream is asked once whichever isolates the clients reached.
 *
 * Holds nothing that cannot be lost: what it learns is in the store before it answers.
 */
export class ManifestGateObject extends DurableObject<Env> implements ManifestGate {
  readonly #gate: DirectGate;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#gate = createParts(env).createGate();
  }

  check(key: RepositoryKey, target: TagOrDigest, held: boolean): Promise<GateAnswer<ManifestStat>> {
    return this.#gate.check(key, target, held);
  }

  pull(key: RepositoryKey, target: TagOrDigest): Promise<GateAnswer<StoredManifest>> {
    return this.#gate.pull(key, target);
  }
}
