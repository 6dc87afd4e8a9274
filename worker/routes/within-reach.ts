import { LedgerError, type LedgerReader } from "../ledger/reader.ts";

/** Longer than any page of the log takes, and shorter than people and scrapers wait. */
const DEADLINE_MS = 5_000;

/** Guards who reads the records against a ledger that is away or hangs: each call ends in time, or in a {@link LedgerError}. */
export function withinReach(reach: () => LedgerReader): LedgerReader {
  const call = async <T>(
    operation: string,
    ask: (ledger: LedgerReader) => Promise<T>,
  ): Promise<T> => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer in ${DEADLINE_MS} ms`)), DEADLINE_MS);
    });
    try {
      return await Promise.race([ask(reach()), late]);
    } catch (cause) {
      throw new LedgerError(operation, cause);
    } finally {
      if (timer !== null) clearTimeout(timer);
    }
  };
  return {
    listPulls: (wanted) => call("list pulls", (ledger) => ledger.listPulls(wanted)),
    listCatalog: (page) => call("list the catalog", (ledger) => ledger.listCatalog(page)),
    findTags: (manifests) => call("find tags", (ledger) => ledger.findTags(manifests)),
    sum: (span) => call("sum", (ledger) => ledger.sum(span)),
  };
}
