import { createHash } from "node:crypto";
import { visible } from "../render/markdown.ts";

/** A request of the doctor's; nothing is followed, and nothing is read beyond `maxBytes`. */
export interface ProbeRequest {
  readonly method?: "GET" | "HEAD";
  readonly accept?: string;
  /** Sent to this URL's host alone. */
  readonly authorization?: string | null;
  readonly maxBytes: number;
  /** Whether the body is given back; it is hashed in any case. */
  readonly keep?: boolean;
}

/** An answer, read to its end. */
export interface ProbeAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Empty unless it was to be kept. */
  readonly body: string;
  readonly bytes: number;
  /** Of the body, in hex. */
  readonly sha256: string;
  readonly sha512: string;
  /** Until the headers were there. */
  readonly headersMs: number;
  readonly totalMs: number;
}

/** Why no usable answer came; the message is half a sentence, such as "no answer in 30 s". */
export class ProbeError extends Error {
  override readonly name = "ProbeError";
  readonly kind: "no-answer" | "timeout" | "too-long" | "broken";

  constructor(kind: ProbeError["kind"], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

/** How far a clock is ahead of ours, and how sure that is. */
export interface Skew {
  readonly skewMs: number;
  readonly uncertaintyMs: number;
}

/** Sends the doctor's requests, one at a time, and watches the mirror's clock as answers come. */
export class Prober {
  readonly #timeoutMs: number;
  #skew: Skew | null = null;
  #isAnswered = false;

  /** @param timeoutMs - for one answer, from the first byte sent to the last one read */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** The best measurement so far; `null` where no answer had a `Date`. */
  get skew(): Skew | null {
    return this.#skew;
  }

  /** Whether any answer came at all. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** @throws {@link ProbeError} where no answer came, it broke off, took too long or was too long */
  async ask(url: URL, request: ProbeRequest): Promise<ProbeAnswer> {
    const start = performance.now();
    const signal = AbortSignal.timeout(this.#timeoutMs);
    let response: Response;
    try {
      const sentAt = Date.now();
      response = await fetch(url, {
        method: request.method ?? "GET",
        headers: headersOf(request),
        redirect: "manual",
        signal,
      });
      this.#isAnswered = true;
      this.#watchClock(response.headers.get("Date"), sentAt, Date.now());
    } catch (error) {
      throw this.#explain(error, "no-answer");
    }
    const headersMs = performance.now() - start;
    try {
      const body = await readBody(response, request);
      const { status, headers } = response;
      return { status, headers, headersMs, totalMs: performance.now() - start, ...body };
    } catch (error) {
      throw error instanceof ProbeError ? error : this.#explain(error, "broken");
    }
  }

  #watchClock(date: string | null, sentAt: number, answeredAt: number): void {
    const told = Date.parse(date ?? "");
    if (Number.isNaN(told)) return;
    // `Date` has whole seconds, cut off: on average it is half a second late.
    const uncertaintyMs = 500 + (answeredAt - sentAt) / 2;
    if (this.#skew !== null && this.#skew.uncertaintyMs <= uncertaintyMs) return;
    this.#skew = { skewMs: told + 500 - (sentAt + answeredAt) / 2, uncertaintyMs };
  }

  #explain(error: unknown, kind: "no-answer" | "broken"): ProbeError {
    if (error instanceof Error && error.name === "TimeoutError") {
      const what = kind === "broken" ? "the answer did not end" : "no answer";
      return new ProbeError("timeout", `${what} in ${this.#timeoutMs / 1000} s`, { cause: error });
    }
    const reason = reasonOf(error);
    return new ProbeError(kind, kind === "broken" ? `the answer broke off (${reason})` : reason, {
      cause: error,
    });
  }
}

function headersOf({ accept, authorization }: ProbeRequest): Record<string, string> {
  return {
    // Digests are of the bytes as stored.
    "Accept-Encoding": "identity",
    "User-Agent": "tidepool-doctor",
    ...(accept === undefined ? {} : { Accept: accept }),
    ...(authorization === undefined || authorization === null
      ? {}
      : { Authorization: authorization }),
  };
}

async function readBody(
  response: Response,
  { maxBytes, keep = false }: ProbeRequest,
): Promise<Pick<ProbeAnswer, "body" | "bytes" | "sha256" | "sha512">> {
  const [sha256, sha512] = [createHash("sha256"), createHash("sha512")];
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes)
      throw new ProbeError("too-long", `the answer is longer than ${maxBytes} bytes`);
    sha256.update(chunk);
    sha512.update(chunk);
    if (keep) chunks.push(chunk);
  }
  const body = new TextDecoder().decode(Buffer.concat(chunks));
  return { body, bytes, sha256: sha256.digest("hex"), sha512: sha512.digest("hex") };
}

/** undici says "fetch failed" and hides the reason one level down. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return visible(error.message);
  return visible("code" in cause ? String(cause.code) : cause.message);
}

/** What a server wrote, fit for one line of ours. */
export function quoted(text: string): string {
  const clean = visible(text.trim());
  return clean.length > 160 ? `${clean.slice(0, 160)}…` : clean;
}
