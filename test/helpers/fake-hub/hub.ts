/**
 * A stand-in for Docker Hub: registry, token service and CDN on three ports of 127.0.0.1.
 *
 * It is strict where Docker Hub is strict, and counts what Docker Hub counts. Each behaviour's source:
 * - a pull is a manifest GET that was answered; HEAD, blobs and tokens are free (Docker, "Usage and limits")
 * - the scope must be exactly `repository:<name>:pull` (distribution, "Token Authentication Specification")
 * - a token is given for a private or missing repository too; the manifest then answers 401 `insufficient_scope`
 * - `ratelimit-*` on GET and HEAD; over the limit a GET is 429 with TOOMANYREQUESTS, a HEAD is not
 * - blobs answer 307 to a CDN that refuses an `Authorization` header, as S3 and R2 do for presigned URLs
 * - a blob is there for the repositories it was pushed to (OCI distribution spec, "Pulling blobs", "Mounting a blob")
 * - one-segment names do not exist: official images are `library/<name>`
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Image, Manifest } from "../images.ts";
import { serveCdn } from "./cdn.ts";
import { fail } from "./fail.ts";
import { noFaults } from "./faults.ts";
import { serveRegistry } from "./registry.ts";
import { type HubState, type LoggedRequest, type Repository, faultsFor } from "./state.ts";
import { serveToken } from "./token.ts";

/** A running stand-in. */
export interface FakeHub extends HubState {
  readonly url: string;
  /** Publishes an image under a tag; publishing another one moves the tag. */
  push(repository: string, tag: string, image: Image | Manifest): void;
  repository(name: string): Repository;
  /** Manifest GETs answered, of one repository or all. */
  pulls(repository?: string): number;
  requests(server: LoggedRequest["server"], method?: string): LoggedRequest[];
  /** Forgets what was logged and counted. */
  forget(): void;
  close(): Promise<void>;
}

/** Starts the stand-in on three free ports. */
export async function startFakeHub(): Promise<FakeHub> {
  const state: HubState = {
    repositories: new Map(),
    blobs: new Map(),
    log: [],
    counted: new Map(),
    bytesSent: new Map(),
    tokens: new Map(),
    urlUses: new Map(),
    account: { username: "operator", password: `dckr_pat_${randomBytes(12).toString("hex")}` },
    faults: noFaults(),
    faultsOf: new Map(),
    remaining: null,
    tokenSeconds: 300,
    hasReferrers: false,
    origins: { registry: "", token: "", cdn: "" },
  };
  const servers = await Promise.all([
    listen(state, "registry", serveRegistry),
    listen(state, "token", serveToken),
    listen(state, "cdn", serveCdn),
  ]);
  const { origins } = state;
  [origins.registry, origins.token, origins.cdn] = servers.map(originOf) as [
    string,
    string,
    string,
  ];
  return Object.assign(state, createActions(state, servers), { url: origins.registry });
}

function createActions(
  state: HubState,
  servers: readonly Server[],
): Omit<FakeHub, keyof HubState | "url"> {
  const repository = (name: string): Repository => {
    const known = state.repositories.get(name);
    if (known !== undefined) return known;
    const created = {
      tags: new Map(),
      manifests: new Map(),
      referrers: new Map(),
      blobs: new Set<string>(),
      isPrivate: false,
    };
    state.repositories.set(name, created);
    return created;
  };
  return {
    repository,
    push(name, tag, image) {
      const manifest = "manifest" in image ? image.manifest : image;
      const blobs = "blobs" in image ? image.blobs : [];
      repository(name).manifests.set(manifest.content.digest, manifest);
      repository(name).tags.set(tag, manifest.content.digest);
      for (const blob of blobs) {
        state.blobs.set(blob.digest, blob);
        repository(name).blobs.add(blob.digest);
      }
    },
    pulls: (name) =>
      name === undefined
        ? [...state.counted.values()].reduce((sum, count) => sum + count, 0)
        : (state.counted.get(name) ?? 0),
    requests: (server, method) =>
      state.log.filter(
        (entry) => entry.server === server && (method ?? entry.method) === entry.method,
      ),
    forget() {
      state.log.length = 0;
      state.counted.clear();
      state.bytesSent.clear();
    },
    async close() {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
    },
  };
}

type Serve = (
  state: HubState,
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void> | void;

function listen(state: HubState, name: LoggedRequest["server"], serve: Serve): Promise<Server> {
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    const entry: LoggedRequest = { server: name, method, url, headers, status: 0 };
    state.log.push(entry);
    response.on("close", () => (entry.status = response.headersSent ? response.statusCode : 0));
    const faults = faultsFor(state, subjectOf(new URL(url, "http://hub")));
    const answer = (): void => {
      if (!fail(faults[name], response)) void serve(state, request, response);
    };
    if (faults.delayMs === 0) answer();
    else setTimeout(answer, faults.delayMs);
  });
  // Node's 5 s are workerd's too: a connection would be closed by one at the moment the other uses it.
  server.keepAliveTimeout = 75_000;
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** The repository or the blob that a URL of any of the three servers is about. */
function subjectOf({ pathname, searchParams }: URL): string {
  const scope = /^repository:(.+):pull$/.exec(searchParams.get("scope") ?? "")?.[1];
  const repository = /^\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\//.exec(pathname)?.[1];
  return scope ?? repository ?? pathname.replace("/blobs/", "");
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
