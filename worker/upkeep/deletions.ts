/** Keeps what is told to the inventory apart from a deletion that is under way, so that none lands on what is put next. */
export class Deletions {
  #running: Promise<unknown> | null = null;

  /** Runs a deletion, one at a time. */
  async run<T>(deletion: () => Promise<T>): Promise<T> {
    const running = await this.between(() => {
      const started = deletion();
      this.#running = started;
      // In a box: a promise itself would be awaited.
      return { started };
    });
    try {
      return await running.started;
    } finally {
      this.#running = null;
      // Those who waited come before the next deletion.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** Does work while no deletion is under way; what of it is synchronous is over before the next one begins. */
  async between<T>(work: () => T): Promise<Awaited<T>> {
    while (this.#running !== null) await this.#running.catch(() => undefined);
    return await work();
  }
}
