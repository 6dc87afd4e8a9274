import type { ServerResponse } from "node:http";
import type { Content, Manifest } from "../images.ts";
import type { Faults } from "./faults.ts";

/** One request that was made, as a test's evidence. */
export interface LoggedRequest {
  readonly server: "registry" | "token" | "cdn";
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  status: number;
}

/** What the stand-in holds of one repository. */
export interface Repository {
  readonly tags: Map<string, string>;
  readonly manifests: Map<string, Manifest>;
  readonly referrers: Map<string, unknown[]>;
  /** Digests of the blobs that were pushed to it: a blob is served through no other repository. */
  readonly blobs: Set<string>;
  isPrivate: boolean;
}

/** A token that was given out. */
export interface Token {
  readonly repository: string;
  /** `null` for one that was asked for without an account. */
  readonly account: string | null;
  readonly endsAt: number;
  uses: number;
}

/** What the three servers share. */
export interface HubState {
  readonly repositories: Map<string, Repository>;
  readonly blobs: Map<string, Content>;
  readonly log: LoggedRequest[];
  /** Manifest GETs that were answered, by repository. */
  readonly counted: Map<string, number>;
  /** Blob bytes that left the CDN, by digest. */
  readonly bytesSent: Map<string, number>;
  readonly tokens: Map<string, Token>;
  readonly urlUses: Map<string, number>;
  readonly account: { readonly username: string; readonly password: string };
  /** What is wrong with everything, but what has faults of its own. */
  faults: Faults;
  /** What is wrong with one repository or one blob alone, by its name or digest. */
  readonly faultsOf: Map<string, Faults>;
  /** Pulls left; `null` where there is no limit. */
  remaining: number | null;
  tokenSeconds: number;
  /** Whether the referrers endpoint exists. */
  hasReferrers: boolean;
  origins: { registry: string; token: string; cdn: string };
}

/** What is wrong where a repository or a blob is asked for. */
export function faultsFor(hub: HubState, name: string): Faults {
  return hub.faultsOf.get(name) ?? hub.faults;
}

const WINDOW = "w=21600";

/** Docker Hub's limit headers; absent where there is no limit. */
export function limitHeaders(hub: HubState): Record<string, string> {
  if (hub.remaining === null) return {};
  return {
    "ratelimit-limit": `100;${WINDOW}`,
    "ratelimit-remaining": `${Math.max(0, hub.remaining)};${WINDOW}`,
    "docker-ratelimit-source": "192.0.2.7",
  };
}

/** Answers with JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  answer: { readonly body: unknown; readonly headers?: Record<string, string> },
): void {
  const text = JSON.stringify(answer.body);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  response.writeHead(status, { ...headers, ...answer.headers });
  response.end(response.req.method === "HEAD" ? undefined : text);
}
