import { type Digest, parseDigest } from "../oci/digest.ts";
import type { ByteRange } from "../oci/range.ts";
import { parseRepository } from "../oci/repository.ts";
import type { FillLog, FillRecord } from "../proxy/blob-fill.ts";
import type { RepositoryKey } from "../store/store.ts";

/** A {@link FillLog} that also knows whose fill it is and when it ended. */
export interface DurableFillLog extends FillLog {
  /** The digest and the end, in milliseconds since the epoch; `null` where there is no record. */
  readOwner(): { readonly digest: Digest; readonly endedAt: number | null } | null;
  end(now: number): void;
  /** A fill that had ended, badly, goes on. */
  reopen(): void;
}

type FillRow = {
  digest: string;
  upstream: string;
  repository: string;
  size: number;
  ended_at: number | null;
};

/**
 * Keeps a fill's record in its Durable Object's SQLite: one row for the fill, one per chunk.
 *
 * Small blobs never get here, and cost no row.
 */
export function createFillLog(sql: SqlStorage, digest: Digest | null): DurableFillLog {
  sql.exec(
    "CREATE TABLE IF NOT EXISTS fill (digest TEXT, upstream TEXT, repository TEXT, size INTEGER, ended_at INTEGER)",
  );
  sql.exec("CREATE TABLE IF NOT EXISTS chunk (first INTEGER PRIMARY KEY, last INTEGER)");
  const readRow = (): FillRow | undefined => sql.exec<FillRow>("SELECT * FROM fill").toArray()[0];
  return {
    read(): FillRecord | null {
      const row = readRow();
      const repository = parseRepository(row?.repository ?? "");
      if (row === undefined || repository === null) return null;
      type ChunkRow = { first: number; last: number };
      const chunks = sql.exec<ChunkRow>("SELECT first, last FROM chunk ORDER BY first").toArray();
      return { key: { upstream: row.upstream, repository }, size: row.size, chunks };
    },
    readOwner() {
      const row = readRow();
      const owner = parseDigest(row?.digest ?? "");
      return row === undefined || owner === null ? null : { digest: owner, endedAt: row.ended_at };
    },
    begin(key: RepositoryKey, size: number): void {
      sql.exec("DELETE FROM fill");
      sql.exec("DELETE FROM chunk");
      const { upstream, repository } = key;
      sql.exec("INSERT INTO fill VALUES (?, ?, ?, ?, NULL)", digest, upstream, repository, size);
    },
    addChunk({ first, last }: ByteRange): void {
      sql.exec("INSERT OR REPLACE INTO chunk VALUES (?, ?)", first, last);
    },
    clear(): void {
      sql.exec("DELETE FROM fill");
      sql.exec("DELETE FROM chunk");
    },
    end(now: number): void {
      sql.exec("UPDATE fill SET ended_at = ?", now);
    },
    reopen(): void {
      sql.exec("UPDATE fill SET ended_at = NULL");
    },
  };
}
