import type { Ledger } from "./ledger.ts";

/** What reads the records. */
export type LedgerReader = Pick<Ledger, "listPulls" | "listCatalog" | "findTags" | "sum">;

/** Thrown where the records cannot be read now. */
export class LedgerError extends Error {
  override readonly name = "LedgerError" as const;

  constructor(operation: string, cause: unknown) {
    super(`${operation}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
