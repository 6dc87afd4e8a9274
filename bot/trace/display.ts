import type { LogLine } from "./split.ts";

/** A stretch of text as the job page shows it. */
export interface ShownText {
  readonly text: string;
  readonly line: number;
  readonly anchor: number;
  readonly time: string | null;
  readonly stream: number | null;
}

/** Told of sections in the order they stand in. */
export interface DisplaySink {
  section(name: string): void;
  text(shown: ShownText): void;
}

const ESC = "\u001B";

/** CSI and OSC sequences, and the single-character escapes. */
const ESCAPES = new RegExp(
  `${ESC}(?:\\[[0-9;?]*[ -/]*[@-~]|\\][^\\u0007${ESC}]*(?:\\u0007|${ESC}\\\\)?|[@-Z\\\\^_])?`,
  "g",
);

/** @see gitlab-runner 19.4, helpers/build_section.go: the marker ends in a carriage return and "erase line". */
const SECTION = new RegExp(
  `section_(start|end):\\d{1,20}:([a-zA-Z0-9_.-]{1,200})(?:\\[[^\\]\\r]{0,500}\\])?\\r${ESC}\\[0K`,
  "g",
);

/**
 * Turns log lines into what GitLab's job page shows, numbered as it numbers them: a section marker ends a line, what
 * is left empty has no number, and a carriage return wipes what stood before it.
 *
 * Wiped text is still reported, under the number of its line: progress bars end in it, and it was printed.
 *
 * @see GitLab, lib/gitlab/ci/ansi2json: read on 2026-11-20
 */
export class Display {
  readonly #sink: DisplaySink;
  readonly #wanted: RegExp;
  #anchor = 0;

  /** @param wanted - only text that matches is reported; all of it is counted. Must be neither global nor sticky */
  constructor(sink: DisplaySink, wanted: RegExp) {
    this.#sink = sink;
    this.#wanted = wanted;
  }

  read(line: LogLine): void {
    const raw = line.text;
    if (!raw.includes("section_")) {
      this.#piece(line, raw);
      return;
    }
    let start = 0;
    for (const marker of raw.matchAll(SECTION)) {
      this.#piece(line, raw.slice(start, marker.index));
      start = marker.index + marker[0].length;
      const name = marker[2];
      if (marker[1] === "start" && name !== undefined) this.#sink.section(name);
    }
    this.#piece(line, raw.slice(start));
  }

  #piece(line: LogLine, raw: string): void {
    if (raw === "" || raw === "\r") return;
    const plain = raw.includes(ESC) ? raw.replaceAll(ESCAPES, "") : raw;
    const text = plain.endsWith("\r") && !plain.endsWith("\r\r") ? plain.slice(0, -1) : plain;
    if (!text.endsWith("\r") && text !== "") this.#anchor += 1;
    if (!this.#wanted.test(text)) return;
    const { number, time, stream } = line;
    for (const part of text.split("\r")) {
      const shown = part.trim();
      if (shown !== "" && this.#wanted.test(shown))
        this.#sink.text({ text: shown, line: number, anchor: this.#anchor, time, stream });
    }
  }
}
