/**
 * Operations on the store that one step may take. Cloudflare allows 1,000 of them for each invocation on the free plan,
 * and what is done in one step is what is done again when it is interrupted.
 */
export class Budget {
  #left: number;

  constructor(operations: number) {
    this.#left = operations;
  }

  /** Takes one, where there is one left. */
  take(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }
}
