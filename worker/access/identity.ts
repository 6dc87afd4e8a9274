/** Who was let in, and why. */
export interface ClientIdentity {
  /**
   * The rule of `ACCESS` that let the client in; `public` for what anybody may ask, `admin` for who bears `ADMIN_TOKEN`,
   * which opens lists and texts and no image.
   */
  readonly rule: "open" | "cidr" | "token" | "public" | "admin";
  /** The token's name, never its secret; `null` unless `rule` is `token`. */
  readonly token: string | null;
  /** Which of the token's secrets it was, from 1 in the order of `ACCESS_TOKENS`: to see whether the old one is still used. */
  readonly secret?: number;
}

/** Who has `ADMIN_TOKEN`. */
export const ADMIN: ClientIdentity = { rule: "admin", token: null };
