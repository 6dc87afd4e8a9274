import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Content } from "../images.ts";
import type { Faults } from "./faults.ts";
import { type HubState, faultsFor } from "./state.ts";

const PIECE_BYTES = 64 * 1024;

/**
 * `/blobs/<digest>?verify=…`: presigned. Refuses an `Authorization` header with 400, as S3 does ("Only one auth
 * mechanism allowed"), and another method than the one that was signed with 403.
 */
export async function serveCdn(
  hub: HubState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "", hub.origins.cdn);
  const digest = url.pathname.replace("/blobs/", "");
  const faults = faultsFor(hub, digest);
  const blob = hub.blobs.get(digest);
  if (request.headers.authorization !== undefined || request.headers.cookie !== undefined) {
    response.writeHead(400).end("Only one auth mechanism allowed");
    return;
  }
  const uses = (hub.urlUses.get(url.search) ?? 0) + 1;
  hub.urlUses.set(url.search, uses);
  const expired = faults.urlUses !== null && uses > faults.urlUses;
  if (blob === undefined || url.searchParams.get("m") !== request.method || expired) {
    response.writeHead(403).end("AccessDenied");
    return;
  }
  const range = readRange(faults, request, blob.size);
  if (range === null) {
    response.writeHead(416, { "content-range": `bytes */${blob.size}` }).end();
    return;
  }
  if (faults.gzip) {
    sendGzip(hub, blob, response);
    return;
  }
  const partial =
    range.first > 0 || range.last < blob.size - 1 || request.headers.range !== undefined;
  const { first, last } = range;
  response.writeHead(partial && !faults.ignoreRange ? 206 : 200, {
    "content-type": "application/octet-stream",
    "content-length": Math.max(0, last - first + 1 + faults.lengthOff),
    "accept-ranges": "bytes",
    ...(partial && !faults.ignoreRange
      ? { "content-range": `bytes ${first}-${last}/${blob.size}` }
      : {}),
  });
  if (request.method === "HEAD") response.end();
  else await sendBody(hub, { blob, first, last }, response);
}

function readRange(
  faults: Faults,
  request: IncomingMessage,
  size: number,
): { first: number; last: number } | null {
  const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (match === null || faults.ignoreRange) return { first: 0, last: size - 1 };
  const first = Number(match[1]);
  const last = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  return first >= size ? null : { first, last };
}

async function sendBody(
  hub: HubState,
  wanted: { blob: Content; first: number; last: number },
  response: ServerResponse,
): Promise<void> {
  const { blob, first, last } = wanted;
  const faults = faultsFor(hub, blob.digest);
  const cutAt = takeTurn(faults.cut);
  const stallAt = takeTurn(faults.stall);
  for (let offset = first; offset <= last && !response.destroyed;) {
    const sent = offset - first;
    if (sent >= cutAt) return cutOff(response);
    if (sent >= stallAt) return;
    const length = Math.min(PIECE_BYTES, last + 1 - offset, cutAt - sent, stallAt - sent);
    const piece = corrupt(faults.corruptBlobs, blob.read(offset, length));
    hub.bytesSent.set(blob.digest, (hub.bytesSent.get(blob.digest) ?? 0) + length);
    if (!response.write(piece)) await writable(response);
    if (faults.bytesPerSecond !== null) await delay((length / faults.bytesPerSecond) * 1000);
    offset += length;
  }
  if (faults.lengthOff > 0) cutOff(response);
  else response.end();
}

/** Breaks the connection once what was written is on its way. */
function cutOff(response: ServerResponse): void {
  response.flushHeaders();
  response.socket?.end(() => response.destroy());
}

/** Waits until more can be written, or nothing ever can. */
async function writable(response: ServerResponse): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  if (!response.destroyed)
    await Promise.race([once(response, "drain", { signal }), once(response, "close", { signal })]);
  over.abort();
}

/** Uses up one of a fault's times. @returns after how many bytes it strikes this answer */
function takeTurn(fault: { afterBytes: number; times: number } | null): number {
  if (fault === null || fault.times <= 0) return Infinity;
  fault.times -= 1;
  return fault.afterBytes;
}

function corrupt(wanted: boolean, piece: Buffer): Buffer {
  if (!wanted) return piece;
  const changed = Buffer.from(piece);
  changed[0] = (changed[0] ?? 0) ^ 0xff;
  return changed;
}

function sendGzip(hub: HubState, blob: Content, response: ServerResponse): void {
  const body = gzipSync(blob.read(0, blob.size));
  hub.bytesSent.set(blob.digest, (hub.bytesSent.get(blob.digest) ?? 0) + body.byteLength);
  response.writeHead(200, { "content-encoding": "gzip", "content-length": body.byteLength });
  response.end(body);
}
