import type { ByteRange } from "../oci/range.ts";
/**
 * Decides which bytes of a blob are fetched next. Knows what is stored and what is under way; does no work itself.
 *
 * Chunks grow as long as all goes well and are halved when one fails, so that a connection that is cut after N bytes
 * makes progress as soon as chunks are smaller than N.
 */
export declare class ChunkPlan {
    #private;
    readonly size: number;
    /** @param stored - chunks of an earlier run, to be kept */
    constructor(size: number, stored?: readonly ByteRange[]);
    /** Whether every byte is stored. */
    get complete(): boolean;
    /** The stored chunks in order. */
    get chunks(): readonly ByteRange[];
    /** How many bytes from the start are stored without a gap. */
    get contiguous(): number;
    /** The stored chunk that holds a byte; `null` where it is still to come. */
    find(offset: number): ByteRange | null;
    /** How many bytes from here on are not stored: up to the next stored chunk or the end. */
    room(offset: number): number;
    /**
     * Chooses the next chunk and counts it as under way; `null` where everything is stored or under way.
     *
     * @param wanted - a byte that a client waits for; it goes first if nobody is fetching it yet
     */
    next(wanted: number | null): ByteRange | null;
    /** A chunk is stored. @param elapsedMs - what it took, from which the size of the next ones follows */
    stored(chunk: ByteRange, elapsedMs: number): void;
    /** A chunk could not be had: it will be asked for again, in smaller pieces. */
    failed(chunk: ByteRange): void;
}
