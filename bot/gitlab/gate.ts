import type { Clock } from "./clock.ts";

/** Lets so many requests through at once, and none while a rate limit lasts. */
export interface Gate {
  /** Runs `work` when there is room and nobody has asked for a pause. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Holds back everything that has not begun yet, for `ms` from now. */
  pause(ms: number): void;
}

/** Creates a gate; `signal` ends the waits. */
export function createGate(limit: number, clock: Clock, signal?: AbortSignal): Gate {
  let running = 0;
  let openAt = 0;
  const waiting: (() => void)[] = [];

  async function enter(): Promise<void> {
    if (running >= limit) {
      // The place is handed over by `leave`, so `running` stays as it is.
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    } else {
      running += 1;
    }
    // A pause may be prolonged while we wait for its end.
    for (let wait = openAt - clock.now(); wait > 0; wait = openAt - clock.now()) {
      await clock.sleep(wait, signal);
    }
  }

  function leave(): void {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }

  return {
    async run(work) {
      try {
        await enter();
        return await work();
      } finally {
        leave();
      }
    },
    pause(ms) {
      openAt = Math.max(openAt, clock.now() + ms);
    },
  };
}
