import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import type {
  CatalogRow,
  CatalogWanted,
  Ledger,
  LedgerBatch,
  LedgerSums,
  ManifestId,
  PullsPage,
  PullsWanted,
} from "../ledger/ledger.ts";
import { SqlLedger } from "../ledger/sql.ts";
import type { Tag } from "../oci/tag.ts";
import { createParts } from "../parts.ts";

/** Steps of one hour, of a thousand pulls each; what is left is for the next. */
const MAX_STEPS = 100;

/** The one object that keeps the records; `sql-schema.ts` has the arithmetic why one is enough. */
export class LedgerObject extends DurableObject<Env> implements Ledger {
  readonly #ledger: SqlLedger;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#ledger = new SqlLedger({
      sql: ctx.storage.sql,
      transaction: (work) => ctx.storage.transactionSync(work),
      keepMs: createParts(env).config.pullLogMs,
      now: Date.now,
    });
  }

  record(batch: LedgerBatch): Promise<void> {
    return this.#ledger.record(batch);
  }

  listPulls(wanted: PullsWanted): Promise<PullsPage> {
    return this.#ledger.listPulls(wanted);
  }

  listCatalog(page: CatalogWanted): Promise<readonly CatalogRow[]> {
    return this.#ledger.listCatalog(page);
  }

  findTags(manifests: readonly ManifestId[]): Promise<readonly (Tag | null)[]> {
    return this.#ledger.findTags(manifests);
  }

  sum(span: { readonly sinceMs: number; readonly untilMs: number }): Promise<LedgerSums> {
    return this.#ledger.sum(span);
  }

  /** Drops what is too old, where no batch comes to do it; called by the cron trigger. */
  async dropOld(): Promise<void> {
    for (let steps = 0; steps < MAX_STEPS && !this.#ledger.dropOld(); steps += 1)
      // Batches come in between.
      await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
