import type { KnownManifest } from "../../worker/inventory/inventory.ts";
import { SqlInventory } from "../../worker/inventory/sql.ts";
import type { RepositoryName } from "../../worker/oci/repository.ts";
import type { RepositoryKey } from "../../worker/store/store.ts";
import { digestOf } from "./ledger-events.ts";
import { openSqlite } from "./sqlite.ts";

/** A repository of Docker Hub, unless another upstream is named. */
export function repositoryOf(name: string, upstream = "docker.io"): RepositoryKey {
  return { upstream, repository: name as RepositoryName };
}

/** A manifest of the number `n` that names the digests of other numbers. */
export function manifestOf(
  n: number,
  names: readonly number[] = [],
  subject: number | null = null,
): KnownManifest {
  return {
    digest: digestOf(n),
    size: 500,
    names: names.map(digestOf),
    subject: subject === null ? null : digestOf(subject),
  };
}

/** An empty inventory with a clock that tests move. */
export function createInventory(clock: { now: number }, sqlite = openSqlite()): SqlInventory {
  return new SqlInventory({ ...sqlite, now: () => clock.now });
}
