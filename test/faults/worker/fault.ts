/** What goes wrong with calls to the store. Plain data: tests send it as JSON. */
export interface StoreFault {
  /** A part of the keys that are hit. */
  readonly match: string;
  readonly operation: "get" | "head" | "put" | "delete" | "list";
  readonly kind: /** The call fails, and does nothing. */
    | "fail"
    /** The call does what it should, and its answer is lost. */
    | "lost"
    /** The call takes {@link delayMs} longer. */
    | "slow"
    /** A body breaks off after {@link afterBytes}. Of `get` alone. */
    | "cut";
  /** How many calls are hit. */
  times: number;
  readonly delayMs: number;
  readonly afterBytes: number;
}

/** An object in the store and what its bytes really are. */
export interface StoredObject {
  readonly key: string;
  readonly size: number;
  /** Computed of its bytes. */
  readonly digest: string;
}

/** Where the tests' own requests go, which no registry has. */
export const CONTROL = "/faults";
/** Has a request served as by another isolate, which remembers nothing. */
export const FRESH_ISOLATE = "x-fresh-isolate";
