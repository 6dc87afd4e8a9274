import { createHash } from "node:crypto";

/** What a client got of a body: its digest and length, or the error that broke it. */
export interface Received {
  readonly status: number;
  readonly digest: string;
  readonly length: number;
  readonly broken: boolean;
  readonly ms: number;
  readonly headers: Headers;
}

/** Reads an answer to its end, or to where it breaks, hashing as it comes. */
export async function receive(answer: Promise<Response>): Promise<Received> {
  const startedAt = performance.now();
  const response = await answer;
  const hash = createHash("sha256");
  let length = 0;
  let broken = false;
  try {
    for await (const bytes of response.body ?? []) {
      hash.update(bytes);
      length += bytes.byteLength;
    }
  } catch {
    broken = true;
  }
  const { status, headers } = response;
  const digest = `sha256:${hash.digest("hex")}`;
  return { status, digest, length, broken, ms: performance.now() - startedAt, headers };
}
