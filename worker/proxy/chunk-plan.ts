import type { ByteRange } from "../oci/range.ts";

const MIB = 1024 * 1024;
/** Cloudflare allows six connections that wait for headers; three fill any line that Docker Hub's CDN gives. */
export const PARALLEL_CHUNKS = 3;
/** The first chunk is small, so that the first byte comes soon; each later one is twice as large, up to the largest. */
const FIRST_CHUNK_BYTES = MIB;
/** 32 MiB keeps the number of storage operations for a large layer low: about 34 writes for 1 GB. */
const LARGEST_CHUNK_BYTES = 32 * MIB;
/** A connection that breaks every few hundred kB still gets a layer through, in pieces of this size. */
const SMALLEST_CHUNK_BYTES = 64 * 1024;
/** A chunk should not take longer than this: what a broken connection loses is bounded by it. */
const CHUNK_SECONDS = 4;

/**
 * Decides which bytes of a blob are fetched next. Knows what is stored and what is under way; does no work itself.
 *
 * Chunks grow as long as all goes well and are halved when one fails, so that a connection that is cut after N bytes
 * makes progress as soon as chunks are smaller than N.
 */
export class ChunkPlan {
  readonly size: number;
  /** Sorted by `first`, never overlapping. */
  readonly #stored: ByteRange[] = [];
  readonly #active: ByteRange[] = [];
  #started = 0;
  /** From failures: never grows again, so that a line that breaks is not tried beyond what it carries. */
  #carried = LARGEST_CHUNK_BYTES;
  /** From the speed of the last chunk. */
  #affordable = LARGEST_CHUNK_BYTES;

  /** @param stored - chunks of an earlier run, to be kept */
  constructor(size: number, stored: readonly ByteRange[] = []) {
    this.size = size;
    for (const chunk of stored) insert(this.#stored, chunk);
    this.#started = stored.length;
  }

  /** Whether every byte is stored. */
  get complete(): boolean {
    return this.#gaps(this.#stored).next().done === true;
  }

  /** The stored chunks in order. */
  get chunks(): readonly ByteRange[] {
    return this.#stored;
  }

  /** How many bytes from the start are stored without a gap. */
  get contiguous(): number {
    const [gap] = this.#gaps(this.#stored);
    return gap?.first ?? this.size;
  }

  /** The stored chunk that holds a byte; `null` where it is still to come. */
  find(offset: number): ByteRange | null {
    return this.#stored.find((chunk) => holds(chunk, offset)) ?? null;
  }

  /** How many bytes from here on are not stored: up to the next stored chunk or the end. */
  room(offset: number): number {
    const next = this.#stored.find(({ last }) => last >= offset);
    return Math.max(0, (next?.first ?? this.size) - offset);
  }

  /**
   * Chooses the next chunk and counts it as under way; `null` where everything is stored or under way.
   *
   * @param wanted - a byte that a client waits for; it goes first if nobody is fetching it yet
   */
  next(wanted: number | null): ByteRange | null {
    const taken: ByteRange[] = [];
    for (const chunk of [...this.#stored, ...this.#active]) insert(taken, chunk);
    let gap: ByteRange | null = null;
    for (const candidate of this.#gaps(taken)) {
      gap ??= candidate;
      if (wanted === null || !holds(candidate, wanted)) continue;
      gap = { first: wanted, last: candidate.last };
      break;
    }
    if (gap === null) return null;
    const ramp = FIRST_CHUNK_BYTES * 2 ** Math.min(this.#started, 16);
    // Towards the end chunks shrink, so that all connections are busy until the last bytes.
    const share = Math.max(FIRST_CHUNK_BYTES, Math.ceil(this.#missing(taken) / PARALLEL_CHUNKS));
    const length = Math.min(ramp, this.#carried, this.#affordable, share);
    const chunk = { first: gap.first, last: Math.min(gap.last, gap.first + length - 1) };
    this.#active.push(chunk);
    this.#started += 1;
    return chunk;
  }

  /** A chunk is stored. @param elapsedMs - what it took, from which the size of the next ones follows */
  stored(chunk: ByteRange, elapsedMs: number): void {
    this.#drop(chunk);
    insert(this.#stored, chunk);
    const bytesPerSecond = ((chunk.last - chunk.first + 1) * 1000) / Math.max(elapsedMs, 1);
    this.#affordable = Math.max(SMALLEST_CHUNK_BYTES, Math.floor(bytesPerSecond * CHUNK_SECONDS));
  }

  /** A chunk could not be had: it will be asked for again, in smaller pieces. */
  failed(chunk: ByteRange): void {
    this.#drop(chunk);
    const half = Math.floor((chunk.last - chunk.first + 1) / 2);
    this.#carried = Math.max(SMALLEST_CHUNK_BYTES, Math.min(this.#carried, half));
  }

  #missing(taken: readonly ByteRange[]): number {
    let bytes = 0;
    for (const { first, last } of this.#gaps(taken)) bytes += last - first + 1;
    return bytes;
  }

  #drop(chunk: ByteRange): void {
    const index = this.#active.findIndex(({ first }) => first === chunk.first);
    if (index >= 0) this.#active.splice(index, 1);
  }

  *#gaps(taken: readonly ByteRange[]): Generator<ByteRange, void> {
    let offset = 0;
    for (const { first, last } of taken) {
      if (first > offset) yield { first: offset, last: first - 1 };
      offset = last + 1;
    }
    if (offset < this.size) yield { first: offset, last: this.size - 1 };
  }
}

function holds(chunk: ByteRange, offset: number): boolean {
  return chunk.first <= offset && offset <= chunk.last;
}

function insert(sorted: ByteRange[], chunk: ByteRange): void {
  const index = sorted.findIndex(({ first }) => first > chunk.first);
  sorted.splice(index < 0 ? sorted.length : index, 0, chunk);
}
