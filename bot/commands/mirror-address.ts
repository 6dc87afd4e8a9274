import { UsageError } from "../errors.ts";
import { type Mirror, holdsSecret, isLoopback } from "../files/mirror.ts";
import type { Plan } from "../plan/plan.ts";

const SECRET =
  "the mirror's URL holds a secret: whoever may read the repository, its history, its forks or a job's log has it then. Better is a URL without one, by a cidr: rule in the mirror's ACCESS, or the URL in the runners' own configuration, out of any repository";

const LOOPBACK =
  "the mirror's host is this machine's own address, and in a job's container that container's own: nothing is there. Name it by an address that containers of the runners reach";

/** What a person should know of a mirror's address before files with it are committed. */
export function addressNotes({ files }: Plan, mirror: Mirror): readonly string[] {
  if (files.length === 0) return [];
  // A host's own daemon does reach what listens on the host.
  const isInContainers = files.some(({ kind }) => kind !== "daemon-json");
  return [
    ...(holdsSecret(mirror) ? [SECRET] : []),
    ...(isLoopback(mirror) && isInContainers ? [LOOPBACK] : []),
  ];
}

/**
 * Refuses an address that must not, or need not, go into other people's repositories.
 *
 * @throws {@link UsageError} where it holds a secret and nobody said that it may be there, or leads nowhere in a container
 */
export function requirePublicAddress(mirror: Mirror, isSecretAllowed: boolean): void {
  if (isLoopback(mirror)) throw new UsageError(LOOPBACK);
  if (holdsSecret(mirror) && !isSecretAllowed)
    throw new UsageError(`${SECRET}. To write it all the same: --secret-in-repository`);
}
