/** What Cloudflare bills, as counted at the bindings. */
export interface Operations {
  /** R2 `put` and `list`. */
  classA: number;
  /** R2 `get` and `head`. */
  classB: number;
  /** R2 `delete`, which is free. */
  deletes: number;
  /** Calls to Durable Objects. */
  objectRequests: number;
  rowsRead: number;
  rowsWritten: number;
}

/** Where the bench's own requests go, which no registry has. */
export const OPERATIONS = "/bench/operations";
/** `?on=0` stops the records of pulls, `?on=1` goes on with them. */
export const RECORDING = "/bench/recording";
