/**
 * Who may pull: the rules of `ACCESS`, any of which lets a client in.
 *
 * @module
 */
import type { FailedAttempts } from "./attempts.ts";
import type { ClientIdentity } from "./identity.ts";
import { type PresentedSecret, type SecretPlace, readPresented } from "./place.ts";
import { type AccessRules, isInRange } from "./rules.ts";
import { TokenTable, type TokenSecret } from "./tokens.ts";

/** What {@link Access} works with. */
export interface AccessOptions {
  readonly rules: AccessRules;
  readonly secrets: readonly TokenSecret[];
  readonly attempts: FailedAttempts;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Whether a request is let in. */
export type AccessDecision =
  | {
      readonly kind: "allowed";
      readonly identity: ClientIdentity;
      /** Where the secret that opened was; `null` where none did. */
      readonly place: SecretPlace | null;
    }
  /** `closed`: there are no rules. `expired`: the secret was right once. */
  | {
      readonly kind: "refused";
      readonly reason: "closed" | "no-secret" | "wrong-secret" | "expired";
    }
  | { readonly kind: "limited"; readonly retryAfterSeconds: number };

type Outcome = AccessDecision | { readonly kind: "none" };

/** Decides who is let in. */
export class Access {
  readonly #options: AccessOptions;
  readonly #table: TokenTable;

  constructor(options: AccessOptions) {
    const { rules, secrets } = options;
    this.#options = options;
    this.#table = new TokenTable(secrets.filter(({ name }) => rules.tokens.includes(name)));
  }

  /** Whether a secret can open anything. */
  get hasTokens(): boolean {
    return !this.#table.isEmpty;
  }

  /** Whether nobody comes without a secret. */
  get needsSecret(): boolean {
    const { open, ranges } = this.#options.rules;
    return !open && ranges.length === 0 && this.hasTokens;
  }

  /** Whether no rule lets anybody in. */
  get isClosed(): boolean {
    const { open, ranges, tokens } = this.#options.rules;
    return !open && ranges.length === 0 && tokens.length === 0;
  }

  /**
   * Checks a request by its URL and headers alone.
   *
   * A token comes before the other rules, so that its name is known also where they would have let the client in.
   *
   * @param address - as an edge vouches for it; `""` where none does, and then no network holds it
   */
  async check(url: URL, headers: Headers, address: string): Promise<AccessDecision> {
    const { rules } = this.#options;
    const byToken: Outcome = this.#table.isEmpty
      ? { kind: "none" }
      : await this.#checkTokens(readPresented(url, headers), address);
    if (byToken.kind === "allowed") return byToken;
    if (isInRange(address, rules.ranges)) return allowed({ rule: "cidr", token: null });
    if (rules.open) return allowed({ rule: "open", token: null });
    if (byToken.kind !== "none") return byToken;
    return { kind: "refused", reason: this.isClosed ? "closed" : "no-secret" };
  }

  async #checkTokens(presented: readonly PresentedSecret[], address: string): Promise<Outcome> {
    const { attempts, now } = this.#options;
    if (presented.length === 0) return { kind: "none" };
    const wait = attempts.wait(address);
    let refused: Outcome = { kind: "none" };
    for (const { place, text } of presented) {
      const match = await this.#table.find(text, now());
      if (match.kind === "valid") {
        const identity = { rule: "token", token: match.name, secret: match.ordinal } as const;
        return { kind: "allowed", identity, place };
      }
      if (match.kind === "expired") refused = { kind: "refused", reason: "expired" };
      else {
        attempts.note(address, match.print);
        // A host's first label may be just a name.
        if (place !== "host" && refused.kind === "none")
          refused = { kind: "refused", reason: "wrong-secret" };
      }
    }
    // The right secret opens all the same: it is not guessed, and an office shares its address with whoever mistypes one.
    return wait === null || refused.kind !== "refused"
      ? refused
      : { kind: "limited", retryAfterSeconds: wait };
  }
}

function allowed(identity: ClientIdentity): AccessDecision {
  return { kind: "allowed", identity, place: null };
}
