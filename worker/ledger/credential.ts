import { DOCKER_HUB, formatRepository } from "../oci/reference.ts";

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

/** Reads {@link formatAccount}. No name of Docker Hub's has a slash. */
export function parseAccount(text: string): Account {
  const slash = text.indexOf("/");
  if (slash < 0) return { upstream: DOCKER_HUB, credential: text };
  return { upstream: text.slice(0, slash), credential: text.slice(slash + 1) };
}
