import ipaddr from "ipaddr.js";

/*
 * Secrets of 100 bits are not guessed. What the limit is for: a client that tries them anyway costs little and fills no
 * log. So it counts per isolate, with no object to ask on every refusal; a guesser gets it once for each isolate.
 */

/** Different wrong secrets of one address that are answered as such, within */
const MAX_WRONG = 10;
/** this long from the first. */
const WINDOW_MS = 10 * 60_000;
/** About 2 MB at most; beyond it the oldest are forgotten. */
const MAX_ADDRESSES = 4096;

/**
 * Counts wrong secrets by the address they come from.
 *
 * Only different ones count: a daemon that goes on asking with an old secret is no guesser, and shares its address with
 * the rest of its office.
 */
export class FailedAttempts {
  readonly #now: () => number;
  readonly #known = new Map<string, { readonly sinceMs: number; readonly prints: Set<string> }>();

  /** @param now - milliseconds since the epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Notes a wrong secret.
   *
   * @param address - `""` where none is vouched for: all of these count as one
   * @param print - tells wrong secrets apart
   */
  note(address: string, print: string): void {
    const key = groupOf(address);
    const known = this.#current(key);
    if (known !== null) {
      if (known.prints.size < MAX_WRONG) known.prints.add(print);
      return;
    }
    const [oldest] = this.#known.size >= MAX_ADDRESSES ? this.#known.keys() : [];
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(key, { sinceMs: this.#now(), prints: new Set([print]) });
  }

  /** For how many seconds wrong ones are told to wait; `null` where the address may go on. */
  wait(address: string): number | null {
    const known = this.#current(groupOf(address));
    if (known === null || known.prints.size < MAX_WRONG) return null;
    return Math.max(1, Math.ceil((known.sinceMs + WINDOW_MS - this.#now()) / 1000));
  }

  #current(key: string): { readonly sinceMs: number; readonly prints: Set<string> } | null {
    const known = this.#known.get(key);
    if (known === undefined) return null;
    if (this.#now() - known.sinceMs < WINDOW_MS) return known;
    // Taken out, so that a new one stands at the end: the map's order is that of age.
    this.#known.delete(key);
    return null;
  }
}

/** Whoever has one IPv6 address has the /64 around it. */
function groupOf(address: string): string {
  if (!ipaddr.IPv6.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed.kind() === "ipv6" ? parsed.toByteArray().slice(0, 8).join(".") : parsed.toString();
}
