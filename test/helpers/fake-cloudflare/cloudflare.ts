/**
 * A stand-in for the part of Cloudflare's API that `wrangler deploy`, `rollback` and `secret` ask, on 127.0.0.1:
 * wrangler is pointed at it by its own variable CLOUDFLARE_API_BASE_URL.
 *
 * Paths, envelopes and error codes are those that wrangler 4.155 handles in its source; a request for anything else is
 * a complaint, and the test fails. It refuses what Cloudflare refuses: a token that is none, a bucket that is not there,
 * a class without a migration or an export, a migration that does not follow on the last.
 *
 * @module
 */
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { answer } from "./routes.ts";
import { ApiFailure, type CloudflareState, emptyAccount } from "./state.ts";

/** A running stand-in. */
export interface FakeCloudflare extends CloudflareState {
  /** What wrangler needs in its environment, and nothing of this machine's. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Starts it, with an empty account. */
export async function startFakeCloudflare(): Promise<FakeCloudflare> {
  const state = emptyAccount();
  const server = createServer((request, response) => {
    void respond(state, request).then(({ status, body }) => {
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    env: {
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}/client/v4`,
      CLOUDFLARE_API_TOKEN: state.token,
      CLOUDFLARE_ACCOUNT_ID: state.accountId,
      WRANGLER_SEND_METRICS: "false",
      CI: "1",
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  });
}

interface Envelope {
  readonly status: number;
  readonly body: {
    readonly success: boolean;
    readonly result: unknown;
    readonly errors: readonly { readonly code: number; readonly message: string }[];
    readonly messages: readonly [];
  };
}

async function respond(state: CloudflareState, request: IncomingMessage): Promise<Envelope> {
  try {
    const result = await handle(state, request);
    return { status: 200, body: { success: true, result, errors: [], messages: [] } };
  } catch (error) {
    if (!(error instanceof ApiFailure)) state.complaints.push(String(error));
    const { status, code, message } =
      error instanceof ApiFailure ? error : new ApiFailure(500, 10013, String(error));
    const errors = [{ code, message }];
    return { status, body: { success: false, result: null, errors, messages: [] } };
  }
}

async function handle(state: CloudflareState, request: IncomingMessage): Promise<unknown> {
  const url = new URL(request.url ?? "/", "http://api");
  if (request.headers.authorization !== `Bearer ${state.token}`)
    throw new ApiFailure(403, 10000, "Authentication error");
  const base = `/client/v4/accounts/${state.accountId}/`;
  const asked = `${request.method} ${url.pathname.replace(base, "")}`;
  state.requests.push(asked);
  if (state.failing.has(asked)) throw new ApiFailure(400, 10013, "An unknown error has occurred.");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const type = request.headers["content-type"] ?? "";
  return answer(state, { asked, url, type, body: Buffer.concat(chunks) });
}
