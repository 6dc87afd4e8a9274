import type { Tag } from "../oci/tag.ts";
import type { ManifestId } from "./ledger.ts";
import type { Sql } from "./sql-schema.ts";

/** Names a tag of each manifest: for a page's pulls, since a repository's tags are looked through for each. */
export function findTags(sql: Sql, manifests: readonly ManifestId[]): (Tag | null)[] {
  return manifests.map(({ upstream, repository, digest }) => {
    const [row] = sql
      .exec(
        `SELECT t.tag FROM repository r JOIN tag t ON t.repository = r.id
         WHERE r.upstream = ? AND r.name = ? AND t.digest = ? ORDER BY t.seen_ms DESC, t.tag LIMIT 1`,
        upstream,
        repository,
        digest,
      )
      .toArray() as { tag: Tag }[];
    return row?.tag ?? null;
  });
}
