import { LedgerError, type LedgerReader } from "../ledger/reader.ts";
import { inTime } from "../store/in-time.ts";

/** Longer than any page of the log takes, and shorter than people and scrapers wait. */
const DEADLINE_MS = 5_000;

/** Guards who reads the records against a ledger that is away or hangs: each call ends in time, or in a {@link LedgerError}. */
export function withinReach(reach: () => LedgerReader): LedgerReader {
  const call = async <T>(
    operation: string,
    ask: (ledger: LedgerReader) => Promise<T>,
  ): Promise<T> => {
    try {
      return await inTime(DEADLINE_MS, ask(reach()));
    } catch (cause) {
      throw new LedgerError(operation, cause);
    }
  };
  return {
    listPulls: (wanted) => call("list pulls", (ledger) => ledger.listPulls(wanted)),
    listCatalog: (page) => call("list the catalog", (ledger) => ledger.listCatalog(page)),
    findTags: (manifests) => call("find tags", (ledger) => ledger.findTags(manifests)),
    sum: (span) => call("sum", (ledger) => ledger.sum(span)),
  };
}
