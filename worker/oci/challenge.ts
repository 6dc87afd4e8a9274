/** One challenge of a `WWW-Authenticate` header. */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case; values unquoted. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** RFC 9110 §5.6.2 `token`, and the looser `token68` of §11.2. */
const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;

/** 16 KiB: far over any real header; a longer one is cut off rather than walked. */
const MAX_LENGTH = 16 * 1024;

/**
 * Reads every challenge of a `WWW-Authenticate` value: several in one header, quoted commas and escapes, spaces
 * round `=`, `token68` credentials. What does not follow the grammar ends the reading; what came before is kept.
 *
 * @see RFC 9110 §11.6.1
 */
export function parseChallenges(header: string): Challenge[] {
  const cursor = new Cursor(header.slice(0, MAX_LENGTH));
  const challenges: Challenge[] = [];
  cursor.skipListSeparators();
  while (!cursor.done) {
    const challenge = readChallenge(cursor);
    if (challenge === null) break;
    challenges.push(challenge);
    cursor.skipListSeparators();
  }
  return challenges;
}

function readChallenge(cursor: Cursor): Challenge | null {
  const scheme = cursor.take(TOKEN);
  if (scheme === null) return null;
  const parameters = new Map<string, string>();
  const challenge = { scheme: scheme.toLowerCase(), parameters };
  if (!cursor.skipSpaces()) return challenge;

  for (;;) {
    const start = cursor.position;
    const parameter = readParameter(cursor);
    if (parameter === null) {
      // A parameter whose value is broken ends the header: what follows it cannot be told apart.
      if (cursor.nextIsParameter(start)) cursor.finish();
      else cursor.position = start;
      // `Basic dG9rZW42OA==`: credentials in place of parameters; of no use here, but part of the grammar.
      if (parameters.size === 0) cursor.take(TOKEN68);
      return challenge;
    }
    if (!parameters.has(parameter.name)) parameters.set(parameter.name, parameter.value);
    const end = cursor.position;
    // After a comma comes either another parameter or the next challenge, which has no `=` after its first token.
    if (!cursor.skipListSeparators() || !cursor.nextIsParameter()) {
      cursor.position = end;
      return challenge;
    }
  }
}

function readParameter(cursor: Cursor): { name: string; value: string } | null {
  const name = cursor.take(TOKEN);
  if (name === null) return null;
  cursor.skipSpaces();
  if (!cursor.takeChar("=")) return null;
  cursor.skipSpaces();
  const value = cursor.takeQuoted() ?? cursor.take(TOKEN);
  return value === null ? null : { name: name.toLowerCase(), value };
}

class Cursor {
  position = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.position >= this.#text.length;
  }

  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.#text);
    if (match === null) return null;
    this.position += match[0].length;
    return match[0];
  }

  takeChar(char: string): boolean {
    if (this.#text[this.position] !== char) return false;
    this.position += 1;
    return true;
  }

  /** RFC 9110 §5.6.4 `quoted-string`; an unclosed one is no value. */
  takeQuoted(): string | null {
    const start = this.position;
    if (!this.takeChar('"')) return null;
    let value = "";
    while (!this.done) {
      if (this.takeChar('"')) return value;
      this.takeChar("\\");
      value += this.#text[this.position] ?? "";
      this.position += 1;
    }
    this.position = start;
    return null;
  }

  skipSpaces(): boolean {
    return this.take(/[ \t]+/y) !== null;
  }

  skipListSeparators(): boolean {
    return this.take(/[ \t]*,[ \t,]*/y) !== null || this.skipSpaces();
  }

  finish(): void {
    this.position = this.#text.length;
  }

  nextIsParameter(from = this.position): boolean {
    const start = this.position;
    this.position = from;
    const found = this.take(TOKEN) !== null && this.take(/[ \t]*=(?!=*[ \t]*(?:,|$))/y) !== null;
    this.position = start;
    return found;
  }
}
