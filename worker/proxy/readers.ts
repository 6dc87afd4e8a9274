/** So far a fill may run ahead of the fastest client before it pauses for it. */
const LEAD_BYTES = 32 * 1024 * 1024;
/** The longest pause before a chunk: what a fill loses to a client that does not keep up. */
const PAUSE_MS = 100;
/** A client that has not asked for this long is slow or gone, and is not waited for. */
const LIVELY_MS = 3_000;
/** Clients that have read everything ask no more. */
const QUIET_MS = 200;
const LONGEST_FINISH_MS = 30_000;

/**
 * Keeps a fill from starving its own clients. Where store and clients share one event loop, as they do on one machine,
 * a fill that writes as fast as it can leaves a client a few MB/s (measured: 1 GB took a fast client 33 s, though it
 * was stored after 17 s). Short pauses let fast clients catch up; slow and stalled ones hold nobody up.
 */
export class Readers {
  #furthest = 0;
  #askedAt = 0;
  #moved = Promise.withResolvers<void>();

  /** A client reads on from a byte. */
  seen(offset: number): void {
    this.#furthest = Math.max(this.#furthest, offset);
    this.#askedAt = Date.now();
    this.#moved.resolve();
    this.#moved = Promise.withResolvers<void>();
  }

  /** Waits a moment where the fastest client is far behind what is stored. */
  async letCatchUp(storedBytes: number): Promise<void> {
    const behind = storedBytes - this.#furthest > LEAD_BYTES;
    if (behind && Date.now() - this.#askedAt < LIVELY_MS) await this.#movedWithin(PAUSE_MS);
  }

  /** Waits until no client has asked for a moment, at most {@link LONGEST_FINISH_MS}. */
  async letFinish(): Promise<void> {
    const until = Date.now() + LONGEST_FINISH_MS;
    for (;;) {
      const { promise } = this.#moved;
      let moved = false;
      const watch = promise.then(() => (moved = true));
      await Promise.race([watch, sleep(QUIET_MS)]);
      if (!moved || Date.now() >= until) return;
    }
  }

  async #movedWithin(ms: number): Promise<void> {
    await Promise.race([this.#moved.promise, sleep(ms)]);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
