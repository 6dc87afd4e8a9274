/** A line of a job log with the runner's prefix taken off and its continuations joined. */
export interface LogLine {
  /** Of its first part in the raw log, from 1. */
  readonly number: number;
  readonly text: string;
  /** `0` is the runner, `1` the job, higher ones are services; `null` in logs without timestamps. */
  readonly stream: number | null;
  /** As written, RFC 3339 with microseconds; `null` in logs without timestamps. */
  readonly time: string | null;
}

/** 64 Ki characters of one line are read; of a longer one, its start and its last 4 Ki. */
const MAX_LINE = 64 * 1024;
const MAX_TAIL = 4 * 1024;

/**
 * `2026-09-26T10:42:49.140140Z 00O `: 27 characters of time, a space, the stream in hex, `O` or `E`, and `+` where the
 * line continues the one before. Since runner 17.5, by default since 18.7.
 *
 * @see gitlab-runner 19.4, common/buildlogger/internal/timestamper
 */
const PREFIX_LENGTH = 32;
const PREFIX = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [0-9a-f]{2}[OE][ +]/;

/** Cuts a log that comes in chunks into lines. Chunk boundaries change nothing, and memory does not grow with the log. */
export class LineSplitter {
  readonly #onLine: (line: LogLine) => void;
  readonly #decoder = new TextDecoder("utf-8");
  #rest = "";
  #tail = "";
  #number = 0;
  #pending: { number: number; text: string; stream: number; time: string; source: string } | null =
    null;

  constructor(onLine: (line: LogLine) => void) {
    this.#onLine = onLine;
  }

  /** Lines ended so far, and the one under way. */
  get count(): number {
    return this.#number;
  }

  push(chunk: Uint8Array): void {
    this.#text(this.#decoder.decode(chunk, { stream: true }));
  }

  end(): void {
    this.#text(this.#decoder.decode());
    if (this.#rest !== "") this.#line("");
    this.#flush();
  }

  #text(text: string): void {
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#line(text.slice(start, end));
      start = end + 1;
    }
    this.#keep(start === 0 ? text : text.slice(start));
  }

  #keep(text: string): void {
    const room = MAX_LINE - this.#rest.length;
    if (text.length <= room) {
      this.#rest += text;
      return;
    }
    this.#rest += text.slice(0, room);
    this.#tail = (this.#tail + text.slice(room)).slice(-MAX_TAIL);
  }

  #line(text: string): void {
    this.#number += 1;
    let whole = text;
    if (this.#rest !== "" || text.length > MAX_LINE) {
      this.#keep(text);
      whole = this.#tail === "" ? this.#rest : `${this.#rest}\r${this.#tail}`;
      this.#rest = "";
      this.#tail = "";
    }
    this.#join(whole);
  }

  #join(text: string): void {
    // Two characters decide for nearly every line of a log without timestamps.
    if (text[10] !== "T" || text[4] !== "-" || !PREFIX.test(text)) {
      this.#flush();
      this.#onLine({ number: this.#number, text, stream: null, time: null });
      return;
    }
    const body = text.slice(PREFIX_LENGTH);
    const source = text.slice(28, 31);
    const pending = this.#pending;
    if (pending !== null && text[31] === "+" && pending.source === source) {
      const fits = pending.text.length + body.length <= MAX_LINE;
      pending.text = fits
        ? pending.text + body
        : `${pending.text.slice(0, MAX_LINE)}\r${body.slice(-MAX_TAIL)}`;
      return;
    }
    this.#flush();
    // The letter is none of the number's: `E`, of standard error, is a hexadecimal digit too.
    const stream = Number.parseInt(source.slice(0, 2), 16);
    this.#pending = {
      number: this.#number,
      text: body,
      stream,
      time: text.slice(0, 27),
      source,
    };
  }

  #flush(): void {
    const pending = this.#pending;
    if (pending === null) return;
    this.#pending = null;
    this.#onLine(pending);
  }
}
