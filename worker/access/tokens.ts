import { hash, printOf } from "./hash.ts";
import { TOKEN_NAME } from "./rules.ts";

/** One secret of a token. A name may have two, so that the second can be handed out before the first is taken away. */
export interface TokenSecret {
  readonly name: string;
  readonly secret: string;
  /** From then on it lets nobody in; `null` for ever. Milliseconds since the epoch. */
  readonly untilMs: number | null;
}

/** What became of a secret that was looked up. */
export type TokenMatch =
  /** `ordinal` is the secret's place among those of its name, from 1. */
  | { readonly kind: "valid"; readonly name: string; readonly ordinal: number }
  | { readonly kind: "expired"; readonly name: string }
  /** `print` tells one wrong secret from another and gives none of it away. */
  | { readonly kind: "unknown"; readonly print: string };

/**
 * What fits in all four places: in a path that clients hold for a repository's name, lower-case letters and digits; in a
 * host's name, 63 of them. 20 drawn at random are 103 bits.
 */
const SECRET = /^[a-z0-9]{20,63}$/;
const MAX_SECRETS_PER_NAME = 2;

/** Whether a text could be a secret at all. */
export function isSecret(text: string): boolean {
  return SECRET.test(text);
}

/**
 * Reads `ACCESS_TOKENS`: `<name>:<secret>` or `<name>:<secret>:<until>`, parted by commas or blanks, `<until>` a day or a
 * time in UTC.
 *
 * @param refuse - called with what is wrong, never with a secret; must throw
 */
export function parseTokens(
  text: string,
  refuse: (problem: string) => never,
): readonly TokenSecret[] {
  const items = text.split(/[\s,]+/).filter((item) => item !== "");
  const tokens = items.map((item, index) => readToken(item, index, refuse));
  const names = new Map<string, number>();
  const owners = new Map<string, string>();
  for (const { name, secret } of tokens) {
    const count = (names.get(name) ?? 0) + 1;
    names.set(name, count);
    if (count > MAX_SECRETS_PER_NAME)
      refuse(`has more than ${MAX_SECRETS_PER_NAME} secrets for ${name}`);
    const owner = owners.get(secret);
    if (owner !== undefined) refuse(`has one secret twice, for ${owner} and for ${name}`);
    owners.set(secret, name);
  }
  return tokens;
}

function readToken(item: string, index: number, refuse: (problem: string) => never): TokenSecret {
  // Split at the first two colons: a time has some of its own.
  const [, name = "", secret = "", until] = /^([^:]*):([^:]*)(?::(.*))?$/.exec(item) ?? [];
  if (!TOKEN_NAME.test(name))
    refuse(`must hold <name>:<secret> or <name>:<secret>:<until>; entry ${index + 1} does not`);
  if (!isSecret(secret))
    refuse(`has a secret for ${name} that is not 20 to 63 lower-case letters and digits`);
  if (until === undefined) return { name, secret, untilMs: null };
  const untilMs = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z)?$/.test(until)
    ? Date.parse(until)
    : Number.NaN;
  if (Number.isNaN(untilMs))
    refuse(
      `has an end for ${name} that is neither a day (2027-01-31) nor a time (2027-01-31T18:00Z)`,
    );
  return { name, secret, untilMs };
}

/** Looks secrets up, in a time that tells nothing of those it knows. */
export class TokenTable {
  readonly #tokens: readonly TokenSecret[];
  #hashed: Promise<readonly (TokenSecret & { readonly hash: ArrayBuffer })[]> | null = null;

  /** @param tokens - those that a rule names; the others let nobody in */
  constructor(tokens: readonly TokenSecret[]) {
    this.#tokens = tokens;
  }

  get isEmpty(): boolean {
    return this.#tokens.length === 0;
  }

  /** Compares with every secret, found or not. */
  async find(text: string, now: number): Promise<TokenMatch> {
    // What cannot be a secret is not hashed: it may be kilobytes.
    if (!isSecret(text)) return { kind: "unknown", print: "malformed" };
    this.#hashed ??= Promise.all(
      this.#tokens.map(async (token) => ({ ...token, hash: await hash(token.secret) })),
    );
    const [known, wanted] = await Promise.all([this.#hashed, hash(text)]);
    const found = known.filter((token) => crypto.subtle.timingSafeEqual(token.hash, wanted))[0];
    if (found === undefined) return { kind: "unknown", print: printOf(wanted) };
    const isExpired = found.untilMs !== null && now >= found.untilMs;
    const { name } = found;
    if (isExpired) return { kind: "expired", name };
    const ordinal = known.filter((token) => token.name === name).indexOf(found) + 1;
    return { kind: "valid", name, ordinal };
  }
}
