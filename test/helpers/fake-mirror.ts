import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { CatalogEntry } from "../../worker/contract/catalog.ts";
import type { PullRecord } from "../../worker/contract/pull-log.ts";
import type { Stats } from "../../worker/contract/stats.ts";
import { formatNextLink } from "../../worker/oci/link.ts";

/** What a mirror's stand-in holds; change it between requests as the story goes on. */
export interface FakeMirrorState {
  pulls: PullRecord[];
  catalog: CatalogEntry[];
  stats: Stats | null;
  completeSinceMs: number;
  /** `null` lets everybody read. */
  token: string | null;
  /** Whether it is a mirror of another make: no `/api`, `/v2/_catalog` alone. */
  plain: boolean;
  /** How far its clock is ahead. */
  skewMs: number;
  /** Answers with this in place of everything. */
  fault: { status: number; body?: string; headers?: Record<string, string> } | null;
  pageSize: number;
}

/** A running stand-in. */
export interface FakeMirror {
  readonly url: string;
  readonly state: FakeMirrorState;
  /** Method, path and query of every request, and whether it bore a token. */
  readonly requests: { readonly path: string; readonly authorized: boolean }[];
  close(): Promise<void>;
}

/** Starts a mirror's stand-in on a free port: the API by its contract, in pages, with a clock of its own. */
export async function startFakeMirror(changes: Partial<FakeMirrorState> = {}): Promise<FakeMirror> {
  const state: FakeMirrorState = {
    pulls: [],
    catalog: [],
    stats: null,
    completeSinceMs: 0,
    token: null,
    plain: false,
    skewMs: 0,
    fault: null,
    pageSize: 1000,
    ...changes,
  };
  const requests: { path: string; authorized: boolean }[] = [];
  const server = createServer({ keepAlive: false }, (request, response) => {
    requests.push({
      path: request.url ?? "",
      authorized: request.headers.authorization !== undefined,
    });
    answer(state, request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    state,
    requests,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function answer(state: FakeMirrorState, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://mirror");
  response.setHeader("Date", new Date(Date.now() + state.skewMs).toUTCString());
  if (state.fault !== null) {
    response.writeHead(state.fault.status, state.fault.headers ?? {});
    response.end(state.fault.body ?? "");
    return;
  }
  const isApi = url.pathname.startsWith("/api/");
  if (isApi && state.plain) {
    response.writeHead(404, { "Content-Type": "text/plain" });
    response.end("404 page not found\n");
    return;
  }
  if (isApi && state.token !== null && request.headers.authorization !== `Bearer ${state.token}`) {
    send(response, 403, { errors: [{ code: "DENIED", message: "not with this token" }] });
    return;
  }
  route(state, url, response);
}

function route(state: FakeMirrorState, url: URL, response: ServerResponse): void {
  const { pathname } = url;
  const pages: Pages = { url, response, size: state.pageSize };
  if (pathname === "/api/stats" && state.stats !== null) send(response, 200, state.stats);
  else if (pathname === "/api/pulls") {
    const pulls = cut(pages, pullsBetween(state, url), ({ id }) => id);
    send(response, 200, { completeSinceMs: state.completeSinceMs, pulls });
  } else if (pathname === "/api/catalog") {
    send(response, 200, { repositories: cut(pages, state.catalog, catalogKey) });
  } else if (pathname === "/v2/_catalog") {
    const names = state.catalog.map(({ repository }) => repository).toSorted();
    send(response, 200, { repositories: cut(pages, names, String) });
  } else {
    const name = /^\/v2\/(.+)\/tags\/list$/.exec(pathname)?.[1];
    const entry = state.catalog.find(({ repository }) => repository === name);
    if (entry === undefined)
      send(response, 404, { errors: [{ code: "NAME_UNKNOWN", message: "no such repository" }] });
    else send(response, 200, { name, tags: entry.tags.map(({ tag }) => tag) });
  }
}

function catalogKey({ upstream, repository }: CatalogEntry): string {
  return `${upstream}/${repository}`;
}

function pullsBetween(state: FakeMirrorState, url: URL): PullRecord[] {
  const since = Number(url.searchParams.get("since") ?? 0);
  const until = Number(url.searchParams.get("until") ?? Number.MAX_SAFE_INTEGER);
  return state.pulls
    .filter(({ timeMs }) => timeMs >= since && timeMs < until)
    .toSorted((a, b) => a.timeMs - b.timeMs);
}

interface Pages {
  readonly url: URL;
  readonly response: ServerResponse;
  readonly size: number;
}

function cut<Item>(
  { url, response, size }: Pages,
  items: readonly Item[],
  key: (item: Item) => string,
): Item[] {
  const most = Math.min(Number(url.searchParams.get("n") ?? size), size);
  const last = url.searchParams.get("last");
  const start = last === null ? 0 : items.findIndex((item) => key(item) === last) + 1;
  const page = items.slice(start, start + most);
  const final = page.at(-1);
  if (final !== undefined && start + most < items.length) {
    const query = { ...Object.fromEntries(url.searchParams), last: key(final) };
    response.setHeader("Link", formatNextLink(url.pathname, query));
  }
  return page;
}

function send(response: ServerResponse, status: number, json: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(json));
}
