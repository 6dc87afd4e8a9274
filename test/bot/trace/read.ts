import { formatImageReference } from "../../../worker/oci/reference.ts";
import { TraceReader } from "../../../bot/trace/reader.ts";
import type { Trace } from "../../../bot/trace/trace.ts";

/** Reads a log given as text, in one chunk. */
export function read(log: string): Trace {
  return readChunks([Buffer.from(log)]);
}

/** Reads a log given in chunks. */
export function readChunks(chunks: Iterable<Uint8Array>): Trace {
  const reader = new TraceReader();
  for (const chunk of chunks) reader.push(chunk);
  return reader.end();
}

/** One line for each image: who pulled it, its full name, what happened to it, and what else is known. */
export function images(trace: Trace): string[] {
  return trace.images.map((image) => {
    const words = [
      image.layer === "job" ? image.tool : `runner:${image.tool}`,
      formatImageReference({ ...image.reference, digest: null }),
      image.transfer,
    ];
    if (image.digest !== null) words.push(image.digest.slice(7, 11));
    if (image.via !== null) words.push(`via ${image.via}`);
    if (image.bypass !== null) words.push(`bypass at ${image.bypass.line}`);
    return words.join(" ");
  });
}

/** A digest that begins with the given hex. */
export function digest(start: string): string {
  return `sha256:${start.padEnd(64, "0")}`;
}
