import type { FailedAttempts } from "./attempts.ts";
import { hash, printOf } from "./hash.ts";

/** Whether what was sent opens the API and the status page. */
export type AdminDecision =
  | { readonly kind: "allowed" }
  /** There is no `ADMIN_TOKEN`, and this is not an open mirror on a machine of one's own. */
  | { readonly kind: "closed" }
  | { readonly kind: "absent" }
  | { readonly kind: "wrong" }
  | { readonly kind: "limited"; readonly retryAfterSeconds: number };

/** Decides who may see what the mirror did: who has `ADMIN_TOKEN`, whatever `ACCESS` says. */
export class Admin {
  readonly #attempts: FailedAttempts;
  /** `null` where none is set. */
  readonly token: string | null;
  /** Whether there is no token and none is needed. */
  readonly isOpen: boolean;

  constructor(options: {
    readonly token: string | null;
    readonly isOpen: boolean;
    readonly attempts: FailedAttempts;
  }) {
    this.token = options.token;
    this.isOpen = options.isOpen && options.token === null;
    this.#attempts = options.attempts;
  }

  /**
   * Checks a token.
   *
   * @param sent - `null` where nothing was sent
   * @param address - `""` where no edge vouches for one
   */
  async check(sent: string | null, address: string): Promise<AdminDecision> {
    if (this.isOpen) return { kind: "allowed" };
    if (this.token === null) return { kind: "closed" };
    if (sent === null) return { kind: "absent" };
    const wait = address === "" ? null : this.#attempts.wait(address);
    if (wait !== null) return { kind: "limited", retryAfterSeconds: wait };
    const [left, right] = await Promise.all([hash(sent), hash(this.token)]);
    if (crypto.subtle.timingSafeEqual(left, right)) return { kind: "allowed" };
    this.#attempts.note(address, printOf(left));
    const after = address === "" ? this.#attempts.wait(address) : null;
    return after === null ? { kind: "wrong" } : { kind: "limited", retryAfterSeconds: after };
  }
}
