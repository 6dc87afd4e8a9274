import { parseNextLink } from "../../worker/oci/link.ts";
import { hideSecret } from "../files/mirror.ts";
import { MirrorError } from "./errors.ts";

/** 32 MiB: far over any page of ours, and over the whole catalog of a large registry:2. */
const MAX_BODY = 32 * 1024 * 1024;
const TIMEOUT_MS = 30_000;
/** A thousand records on each page: more than any report needs, and an end to a server that never stops. */
const MAX_PAGES = 2000;

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly json: unknown;
  /** The next page, on the same origin. */
  readonly next: URL | null;
}

/** How far the mirror's clock is ahead of ours, and how sure that is. */
export interface ClockSkew {
  readonly skewMs: number;
  readonly uncertaintyMs: number;
}

/** Speaks HTTP to one origin, and to no other: the token stays there. */
export class MirrorHttp {
  readonly #token: string | null;
  #skew: ClockSkew | null = null;

  constructor(token: string | null) {
    this.#token = token;
  }

  /** The best measurement so far; `null` before the first answer, or where the mirror sends no `Date`. */
  get skew(): ClockSkew | null {
    return this.#skew;
  }

  /** @throws {@link MirrorError} where no answer came, or it is too long */
  async get(url: URL): Promise<Answer> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (this.#token !== null) headers["Authorization"] = `Bearer ${this.#token}`;
    const before = Date.now();
    try {
      const response = await fetch(url, {
        headers,
        // A redirect could lead to another host, with the token: none is followed.
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      this.#measure(response.headers.get("Date"), before, Date.now());
      const text = await readText(response);
      const next = parseNextLink(response.headers.get("Link") ?? "");
      return {
        status: response.status,
        json: parseJson(text),
        next: next === null ? null : new URL(next, url),
      };
    } catch (error) {
      if (error instanceof MirrorError) throw error;
      throw new MirrorError(`${nameOf(url)} cannot be reached: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }

  /**
   * Follows `Link: rel="next"` from page to page.
   *
   * @throws {@link MirrorError} where a link leads to another origin, in a circle, or never ends
   */
  async *pages(first: URL): AsyncGenerator<Answer> {
    const seen = new Set<string>();
    for (let url: URL | null = first; url !== null;) {
      if (seen.size >= MAX_PAGES || seen.has(url.href))
        throw new MirrorError(`${nameOf(url)} gives pages without end`);
      seen.add(url.href);
      const answer: Answer = await this.get(url);
      yield answer;
      if (answer.next !== null && answer.next.origin !== first.origin)
        throw new MirrorError(`${nameOf(url)} names a next page on another host; not followed`);
      url = answer.next;
    }
  }

  #measure(date: string | null, before: number, after: number): void {
    const told = Date.parse(date ?? "");
    if (Number.isNaN(told)) return;
    // `Date` has whole seconds, cut off: on average it is half a second late.
    const uncertaintyMs = 500 + (after - before) / 2;
    if (this.#skew !== null && this.#skew.uncertaintyMs <= uncertaintyMs) return;
    this.#skew = { skewMs: told + 500 - (before + after) / 2, uncertaintyMs };
  }
}

/** The mirror in a sentence, without what an address can give away. */
export function nameOf(url: URL): string {
  return `the mirror at ${hideSecret(url.origin)}`;
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BODY) throw new MirrorError("the mirror's answer is longer than 32 MiB");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer in ${TIMEOUT_MS / 1000} s`;
  // undici says "fetch failed" and hides the reason one level down.
  const { cause } = error;
  if (cause instanceof Error) return "code" in cause ? String(cause.code) : cause.message;
  return error.message;
}
