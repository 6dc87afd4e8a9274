import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import type {
  CatalogRow,
  Ledger,
  LedgerBatch,
  LedgerSums,
  ManifestId,
  PullsPage,
  PullsWanted,
  RepositoryId,
} from "../ledger/ledger.ts";
import { SqlLedger } from "../ledger/sql.ts";
import type { Tag } from "../oci/tag.ts";
import { createParts } from "../parts.ts";

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

  listCatalog(page: {
    readonly after: RepositoryId | null;
    readonly limit: number;
  }): Promise<readonly CatalogRow[]> {
    return this.#ledger.listCatalog(page);
  }

  findTags(manifests: readonly ManifestId[]): Promise<readonly (Tag | null)[]> {
    return this.#ledger.findTags(manifests);
  }

  sum(span: { readonly sinceMs: number; readonly untilMs: number }): Promise<LedgerSums> {
    return this.#ledger.sum(span);
  }
}
