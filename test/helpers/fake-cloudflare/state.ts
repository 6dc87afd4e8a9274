import { randomUUID } from "node:crypto";

/** A binding as the upload's metadata has it. */
interface Binding {
  readonly type: string;
  readonly name: string;
  readonly text?: string;
  readonly bucket_name?: string;
  readonly class_name?: string;
}

/** What comes with the code of an upload. */
export interface Metadata {
  readonly main_module: string;
  readonly bindings: readonly Binding[];
  readonly compatibility_date: string;
  readonly migrations?: {
    readonly old_tag?: string;
    readonly new_tag: string;
    readonly steps: readonly { readonly new_sqlite_classes?: readonly string[] }[];
  };
  readonly observability?: {
    readonly enabled: boolean;
    readonly logs?: { readonly enabled: boolean; readonly invocation_logs?: boolean };
  };
  readonly package_dependencies?: readonly unknown[];
  readonly keep_bindings?: readonly string[];
}

/** Code that was uploaded, and what it was uploaded with. */
export interface Version {
  readonly id: string;
  readonly metadata: Metadata;
  /** Secrets included, those of earlier versions too where they were kept. */
  readonly bindings: readonly Binding[];
  readonly code: string;
  /** The migration that its Durable Objects were at. */
  readonly migrationTag: string | null;
}

/** One Worker of the account. */
export interface FakeWorker {
  readonly versions: Version[];
  /** Of the versions, the one that answers now; earlier ones before it. */
  readonly deployed: string[];
  /** A version that has this share of the traffic beside the newest deployment's own, which has the rest. */
  sharing: { readonly version: string; readonly percentage: number } | null;
  readonly classes: Set<string>;
  migrationTag: string | null;
  crons: readonly string[];
  domains: readonly string[];
  onSubdomain: boolean;
  tags: readonly string[];
}

/** What an account holds. */
export interface CloudflareState {
  readonly accountId: string;
  readonly token: string;
  readonly buckets: Set<string>;
  /** Names of domains that the account has. */
  readonly zones: Set<string>;
  readonly workers: Map<string, FakeWorker>;
  /** Method and path below the account of every request. */
  readonly requests: string[];
  /** What no real API would have been asked for. */
  readonly complaints: string[];
  /** Requests that are refused, as `requests` has them. */
  readonly failing: Set<string>;
  /** Puts a version to work, as the edge does as soon as it is deployed. */
  edge: ((version: Version) => Promise<void>) | null;
}

/** An empty account. */
export function emptyAccount(): CloudflareState {
  return {
    accountId: randomUUID().replaceAll("-", ""),
    token: randomUUID(),
    buckets: new Set(),
    zones: new Set(["example.com"]),
    workers: new Map(),
    requests: [],
    complaints: [],
    failing: new Set(),
    edge: null,
  };
}

/** An answer that is an error, in the API's own envelope. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
