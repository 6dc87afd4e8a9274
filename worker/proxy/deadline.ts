import type { ByteRange } from "../oci/range.ts";

/** For an answer's head. */
const HEAD_MS = 8_000;
/** The slowest line that is waited for. Chunks of slower ones are made smaller, and get through. */
const SLOWEST_BYTES_PER_SECOND = 1024 * 1024;

/** How long a range may take, in milliseconds: a connection that stays silent is given up after that. */
export function transferMs(range: ByteRange): number {
  return HEAD_MS + Math.ceil(((range.last - range.first) / SLOWEST_BYTES_PER_SECOND) * 1000);
}

/** A deadline that can be put off once it is known how much there is to do. */
export class Deadline {
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout>;

  constructor(ms: number) {
    this.#timer = this.#start(ms);
  }

  /** Aborts when the time is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Gives this much time from now on. */
  extend(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start(ms);
  }

  #start(ms: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#controller.abort(), ms);
  }
}
