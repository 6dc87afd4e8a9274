import { BuildKitWords } from "./buildkit.ts";
import { KanikoWords, PodmanWords } from "./clients.ts";
import { Display, type ShownText } from "./display.ts";
import { DockerWords } from "./docker.ts";
import { ImageTable } from "./image-table.ts";
import { Notes } from "./notes.ts";
import { RunnerWords } from "./runner.ts";
import { LineSplitter } from "./split.ts";
import type { Trace } from "./trace.ts";

/** A line that has none of these says nothing to any of the readers: nearly all lines of nearly all logs. */
const WANTED =
  /[Ii]mage|Pull|Digest: sha|Status: |FROM |\bauth\] |CACHED|sha256:|Trying to pull|Copying blob|service |docker-container|rate limit|^\$ |Running after|^Executing "|next endpoint|HONOR_ENTRYPOINT|---> |ERROR|booting|load metadata|cache manifest|^docker\.io\//;

/** Sections that only the runner opens, and in which it speaks first; a job may open others of its own. */
const RUNNER_SECTIONS =
  /^(?:prepare_executor|prepare_script|get_sources|step_\w+|build_script|after_script)$/;

/** What stands in place of a section where a log was copied out of the browser. */
const RUNNER_HEADINGS = /^(?:Executing "\w+" stage of the job script|Running after_script)$/;

/**
 * Reads a job's log of any size, chunk by chunk, into what it tells about images.
 *
 * Never throws: what it does not know it passes over. Old logs and new ones, with ANSI or copied from a browser.
 *
 * Gaps: quiet pulls and builds leave no line; compose before 2.40 names services, not images; the kubelet's pulls show
 * only with `FF_PRINT_POD_EVENTS`.
 */
export class TraceReader {
  readonly #table = new ImageTable();
  readonly #notes = new Notes();
  readonly #runner = new RunnerWords(this.#table);
  readonly #docker = new DockerWords(this.#table, (shown) => this.#notes.add("unnamed", shown));
  readonly #buildkit = new BuildKitWords(this.#table);
  readonly #kaniko = new KanikoWords(this.#table);
  readonly #podman = new PodmanWords(this.#table);
  readonly #splitter: LineSplitter;
  /** In a log without timestamps: whether no command of the script was echoed since the runner last spoke first. */
  #runnerMaySpeak = true;

  constructor() {
    const display = new Display(
      {
        section: (name) => {
          if (RUNNER_SECTIONS.test(name)) this.#runnerMaySpeak = true;
        },
        text: (shown) => this.#text(shown),
      },
      WANTED,
    );
    this.#splitter = new LineSplitter((line) => display.read(line));
  }

  push(chunk: Uint8Array): void {
    this.#splitter.push(chunk);
  }

  end(): Trace {
    this.#splitter.end();
    this.#docker.end();
    this.#buildkit.end();
    this.#podman.end();
    return {
      images: this.#table.images,
      notes: this.#notes.all,
      rateLimits: this.#notes.rateLimits,
      lines: this.#splitter.count,
      truncated: this.#table.truncated,
    };
  }

  #text(shown: ShownText): void {
    if (shown.stream === null) this.#guessSpeaker(shown.text);
    const runner = shown.stream === null ? this.#runnerMaySpeak : shown.stream === 0;
    this.#notes.read(shown, runner);
    if (runner) this.#runner.read(shown);
    // A service's own words are evidence for notes alone: what dockerd pulls, its client in the job tells.
    if (shown.stream !== null && shown.stream !== 1) return;
    this.#docker.read(shown);
    this.#buildkit.read(shown);
    this.#kaniko.read(shown);
    this.#podman.read(shown);
  }

  #guessSpeaker(text: string): void {
    if (text.startsWith("$ ")) this.#runnerMaySpeak = false;
    else if (RUNNER_HEADINGS.test(text)) this.#runnerMaySpeak = true;
  }
}

/** Reads a whole log from a stream. @throws what the stream throws, never on what is in it */
export async function readTrace(stream: AsyncIterable<Uint8Array>): Promise<Trace> {
  const reader = new TraceReader();
  for await (const chunk of stream) reader.push(chunk);
  return reader.end();
}
