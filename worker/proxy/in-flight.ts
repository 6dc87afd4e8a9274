/**
 * Joins calls that ask for the same thing while it is under way: the second and later ones wait for the first.
 *
 * Only for calls of one Durable Object: in a Worker a promise of another request must not be awaited.
 */
export class InFlight {
  readonly #running = new Map<string, Promise<unknown>>();

  /** Whether a run of `key` is under way. */
  has(key: string): boolean {
    return this.#running.has(key);
  }

  /** Runs `work`, or waits for the run of the same `key` that is under way. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key) as Promise<T> | undefined;
    if (running !== undefined) return running;
    const started = work().finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }
}
