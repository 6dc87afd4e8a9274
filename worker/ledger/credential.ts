import { formatRepository } from "../oci/reference.ts";

/** Whom a registry's limit counts. */
export interface Account {
  readonly upstream: string;
  /** A name that is no secret; `anonymous` without an account. */
  readonly credential: string;
}

/** Writes an account as the ledger keeps it: Docker Hub's bare, others' with the registry before it. */
export function formatAccount({ upstream, credential }: Account): string {
  return formatRepository(upstream, credential);
}
