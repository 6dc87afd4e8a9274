import type { PackedPull } from "./batch.ts";
import type { Client, LedgerBatch } from "./ledger.ts";

/** How `tidepool doctor` names itself. */
const DOCTOR = "tidepool-doctor";

/** A batch with its pulls unpacked. */
interface Unpacked {
  readonly batch: LedgerBatch;
  readonly pulls: readonly PackedPull[];
}

/**
 * Leaves out what the doctor asked for to see whether the mirror works: the log has it, but no sum and no count, or who
 * looks often would make the mirror look busy and thrifty.
 */
export function leaveOutProbes({ batch, pulls }: Unpacked): Unpacked {
  const { clients, blobs } = batch;
  // Nearly every batch: nothing is copied for it.
  if (!clients.some(isDoctor) && !blobs.some(({ client }) => isDoctor(client)))
    return { batch, pulls };
  const probing = clients.map(isDoctor);
  return {
    batch: { ...batch, blobs: blobs.filter(({ client }) => !isDoctor(client)) },
    pulls: pulls.filter(({ client }) => probing[client] !== true),
  };
}

/** Whether a client is the doctor. */
export function isDoctor({ userAgent }: Client): boolean {
  return userAgent.startsWith(DOCTOR);
}
