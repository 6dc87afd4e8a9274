import type { Clock } from "../../bot/gitlab/clock.ts";

/** A clock whose sleeps take no time and move it on; it remembers them. */
export class VirtualClock implements Clock {
  readonly sleeps: number[] = [];
  private time: number;

  constructor(start = "2026-11-23T08:00:00Z") {
    this.time = Date.parse(start);
  }

  now(): number {
    return this.time;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.sleeps.push(ms);
    // Sleepers that began together end together.
    const end = this.time + ms;
    await Promise.resolve();
    this.time = Math.max(this.time, end);
  }

  random(): number {
    return 0.5;
  }
}
