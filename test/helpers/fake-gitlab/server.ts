import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { authenticate, requireScope } from "./access.ts";
import type { Fault, FaultRule } from "./faults.ts";
import { ApiError, notFound, refuse, type Reply, type Route } from "./http.ts";
import { COMMIT_ROUTES } from "./routes/commits.ts";
import { ISSUE_ROUTES } from "./routes/issues.ts";
import { LINT_ROUTES } from "./routes/lint.ts";
import { MERGE_REQUEST_ROUTES } from "./routes/merge-requests.ts";
import { NOTE_ROUTES } from "./routes/notes.ts";
import { PIPELINE_ROUTES } from "./routes/pipelines.ts";
import { PROJECT_ROUTES } from "./routes/projects.ts";
import { REPOSITORY_ROUTES } from "./routes/repository.ts";
import { SEARCH_ROUTES } from "./routes/search.ts";
import { USER_ROUTES } from "./routes/users.ts";
import { World } from "./world.ts";

const ROUTES: readonly (Route & { readonly segments: readonly string[] })[] = [
  ...USER_ROUTES,
  ...PROJECT_ROUTES,
  ...REPOSITORY_ROUTES,
  ...COMMIT_ROUTES,
  ...MERGE_REQUEST_ROUTES,
  ...NOTE_ROUTES,
  ...ISSUE_ROUTES,
  ...PIPELINE_ROUTES,
  ...LINT_ROUTES,
  ...SEARCH_ROUTES,
].map((route) => ({ ...route, segments: route.path.split("/") }));

/** One request as it came, and what became of it. */
export interface LoggedRequest {
  readonly method: string;
  /** Path below `/api/v4`, as sent. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
  status: number;
  /** Whether GitLab carried it out, whatever the client was told. */
  effect: boolean;
}

/**
 * A GitLab in memory, spoken to over HTTP: strict where a real one is, and able to fail as real ones do.
 *
 * @see README.md beside this file for what it promises and where each behaviour was read
 */
export class FakeGitLab {
  readonly world = new World();
  readonly log: LoggedRequest[] = [];
  /** Asked in order for each request; the first fault wins. */
  faults: FaultRule[] = [];
  /** Looks at each request before it is served; a thrown error answers 400, and is kept in `complaints`. */
  validate: ((request: LoggedRequest) => void) | null = null;
  readonly complaints: string[] = [];
  /** The address the instance gives itself in links; its real one unless a test says otherwise. */
  externalUrl = "";
  url = "";
  private readonly server: Server = createServer((request, response) => {
    this.serve(request, response).catch((error: unknown) => {
      this.complaints.push(String(error));
      response.destroy();
    });
  });

  /** Listens on a free port of the loopback address. */
  async start(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.server.listen(0, "127.0.0.1", resolve);
    });
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    this.externalUrl = this.url;
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }

  /** Requests that asked for a change: everything but reading, and but POST lint, which changes nothing. */
  writes(): LoggedRequest[] {
    return this.log.filter(({ method, path }) => method !== "GET" && !path.endsWith("/ci/lint"));
  }

  /** One line per logged request, for comparing in tests. */
  lines(requests: readonly LoggedRequest[] = this.log): string[] {
    return requests.map(({ method, path }) => `${method} ${decodeURIComponent(path)}`);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const raw = Buffer.concat(chunks).toString();
    const logged: LoggedRequest = {
      method: request.method ?? "GET",
      path: url.pathname.replace(/^\/api\/v4/, ""),
      query: url.searchParams,
      headers: request.headers,
      body: raw === "" ? undefined : parse(raw),
      status: 0,
      effect: false,
    };
    this.log.push(logged);
    const count = this.log.length;
    const { method, path } = logged;
    const fault = this.findFault({ method, path, count });
    const reply = fault && !fault.effect ? null : this.answer(logged, url);
    if (fault) return sendFault(fault, logged, response);
    if (reply) await send(reply, logged, response);
  }

  private answer(logged: LoggedRequest, url: URL): Reply {
    try {
      if (!url.pathname.startsWith("/api/v4/")) throw notFound();
      this.check(logged);
      const actor = authenticate(this.world, logged.headers);
      const found = match(logged.method, logged.path);
      if (!found) throw refuse(404, "404 Not Found");
      const { route, params } = found;
      const reading = logged.method === "GET";
      requireScope(
        actor,
        route.scopes?.length === 0
          ? (actor.token?.scopes ?? [])
          : (route.scopes ?? (reading ? ["api", "read_api"] : ["api"])),
      );
      const body = (logged.body ?? {}) as Record<string, unknown>;
      const { externalUrl, world } = this;
      const context = {
        world,
        actor,
        params,
        query: logged.query,
        body,
        externalUrl,
        path: url.pathname,
      };
      const reply = route.handle(context);
      logged.effect = true;
      return reply;
    } catch (error) {
      if (error instanceof ApiError) return { status: error.status, json: error.body };
      this.complaints.push(String(error));
      return { status: 500, json: { message: "500 Internal Server Error" } };
    }
  }

  private findFault(request: Parameters<FaultRule>[0]): Fault | null {
    for (const rule of this.faults) {
      const fault = rule(request);
      if (fault) return fault;
    }
    return null;
  }

  private check(logged: LoggedRequest): void {
    try {
      this.validate?.(logged);
    } catch (error) {
      this.complaints.push(`${logged.method} ${logged.path}: ${String(error)}`);
      throw refuse(400, String(error));
    }
  }
}

function parse(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return raw;
  }
}

function match(method: string, path: string) {
  // Encoded slashes stay within their segment: `/projects/group%2Fproject` has two.
  const parts = path.split("/");
  for (const route of ROUTES) {
    if (route.method !== method || route.segments.length !== parts.length) continue;
    const params: Record<string, string> = {};
    const fits = route.segments.every((segment, index) => {
      const part = parts[index] ?? "";
      if (!segment.startsWith(":")) return segment === part;
      params[segment.slice(1)] = decodeURIComponent(part);
      return part !== "";
    });
    if (fits) return { route, params };
  }
  return null;
}

function sendFault(fault: Fault, logged: LoggedRequest, response: ServerResponse): void {
  if (fault.kind === "hang") return;
  if (fault.kind === "drop") {
    response.destroy();
    return;
  }
  logged.status = fault.status;
  response.writeHead(fault.status, {
    "Content-Type": fault.contentType ?? "application/json",
    ...fault.headers,
  });
  response.end(fault.body ?? "");
}

async function send(reply: Reply, logged: LoggedRequest, response: ServerResponse): Promise<void> {
  logged.status = reply.status;
  const plain = reply.text !== undefined || reply.stream !== undefined;
  const type = plain ? "text/plain" : "application/json";
  response.writeHead(reply.status, { "Content-Type": type, ...reply.headers });
  if (reply.stream) {
    await pipeline(Readable.from(reply.stream), response).catch(() => undefined);
  } else if (reply.text !== undefined) {
    response.end(reply.text);
  } else {
    response.end(reply.json === undefined ? "" : JSON.stringify(reply.json));
  }
}
