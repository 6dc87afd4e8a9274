import { ApiFailure, type CloudflareState, type FakeWorker } from "./state.ts";
import { upload } from "./uploads.ts";

/** A request, read whole. */
export interface ApiRequest {
  /** Method and path below the account. */
  readonly asked: string;
  readonly url: URL;
  readonly type: string;
  readonly body: Buffer;
}

/** A request whose path was understood. */
interface Routed extends ApiRequest {
  /** A Worker's or a bucket's. */
  readonly name: string;
  /** A version's. */
  readonly id: string;
}

type Handler = (state: CloudflareState, request: Routed) => unknown;

const NOT_FOUND = "workers.api.error.service_not_found";

/** Method and path to what is answered; `:name` is a Worker or a bucket. */
const ROUTES: readonly (readonly [string, Handler])[] = [
  ["GET workers/services/:name", (state, { name }) => describe(state, name)],
  ["GET workers/scripts/:name/secrets", (state, { name }) => secretsOf(find(state, name))],
  ["GET workers/scripts/:name/settings", (state, { name }) => settingsOf(find(state, name))],
  [
    "PATCH workers/scripts/:name/script-settings",
    (state, { name, body }) => patch(find(state, name), body),
  ],
  ["PUT workers/scripts/:name", putScript],
  ["POST workers/scripts/:name/versions", postVersion],
  [
    "GET workers/scripts/:name/versions",
    (state, { name }) => ({ items: find(state, name).versions.map(showVersion).toReversed() }),
  ],
  [
    "GET workers/scripts/:name/versions/:id",
    (state, { name, id }) => findVersion(find(state, name), id),
  ],
  [
    "GET workers/scripts/:name/deployments",
    (state, { name }) => ({ deployments: deploymentsOf(find(state, name)) }),
  ],
  [
    "POST workers/scripts/:name/deployments",
    (state, { name, body }) => deploy(state, find(state, name), body),
  ],
  [
    "GET workers/scripts/:name/subdomain",
    (state, { name }) => ({ enabled: find(state, name).onSubdomain, previews_enabled: false }),
  ],
  [
    "POST workers/scripts/:name/subdomain",
    (state, { name, body }) => setSubdomain(find(state, name), body),
  ],
  [
    "PUT workers/scripts/:name/schedules",
    (state, { name, body }) => setCrons(find(state, name), body),
  ],
  [
    "GET workers/scripts",
    (state) =>
      [...state.workers].map(([id, { migrationTag }]) => ({
        id,
        migration_tag: migrationTag ?? undefined,
      })),
  ],
  ["GET workers/workers/:name", (state, { name }) => subdomainOf(find(state, name), name)],
  [
    "POST workers/scripts/:name/domains/changeset",
    () => ({ added: [], removed: [], updated: [], conflicting: [] }),
  ],
  ["PUT workers/scripts/:name/domains/records", addDomains],
  ["GET workers/subdomain", () => ({ subdomain: "acme" })],
  ["GET r2/buckets", (state) => ({ buckets: [...state.buckets].map((name) => ({ name })) })],
  ["POST r2/buckets", (state, { body }) => createBucket(state, body)],
  ["GET r2/buckets/:name", (state, { name }) => readBucket(state, name)],
];

/** @throws {@link ApiFailure} where the API would refuse; a path it is not known to have is a complaint */
export async function answer(state: CloudflareState, request: ApiRequest): Promise<unknown> {
  for (const [pattern, handler] of ROUTES) {
    const path = new RegExp(`^${pattern.replaceAll(/:(?:name|id)/g, "([\\w-]+)")}$`);
    const match = path.exec(request.asked);
    if (match === null) continue;
    return handler(state, { ...request, name: match[1] ?? "", id: match[2] ?? "" });
  }
  state.complaints.push(request.asked);
  throw new ApiFailure(404, 7003, `No route for that URI: ${request.asked}`);
}

function find(state: CloudflareState, name: string): FakeWorker {
  const worker = state.workers.get(name);
  if (worker === undefined)
    throw new ApiFailure(404, 10007, "This Worker does not exist on your account.");
  return worker;
}

function describe(state: CloudflareState, name: string): unknown {
  const worker = state.workers.get(name);
  if (worker === undefined) throw new ApiFailure(404, 10090, NOT_FOUND);
  const script = {
    id: name,
    tag: name,
    tags: worker.tags,
    last_deployed_from: "wrangler",
    migration_tag: worker.migrationTag ?? undefined,
  };
  return { id: name, default_environment: { environment: "production", script } };
}

function secretsOf({ versions }: FakeWorker): unknown {
  const bindings = versions.at(-1)?.bindings ?? [];
  return bindings
    .filter(({ type }) => type === "secret_text")
    .map(({ name, type }) => ({ name, type }));
}

function settingsOf({ versions, tags }: FakeWorker): unknown {
  const bindings = versions.at(-1)?.bindings ?? [];
  return {
    bindings: bindings.map((binding) =>
      binding.type === "secret_text" ? { type: binding.type, name: binding.name } : binding,
    ),
    tags,
  };
}

function patch(worker: FakeWorker, body: Buffer): unknown {
  const { tags } = JSON.parse(body.toString()) as { tags?: readonly string[] };
  worker.tags = tags ?? worker.tags;
  return {};
}

async function putScript(state: CloudflareState, request: Routed): Promise<unknown> {
  const { name } = request;
  const version = await upload(state, name, await formOf(request));
  const worker = find(state, name);
  worker.deployed.push(version.id);
  worker.sharing = null;
  await state.edge?.(version);
  return {
    id: name,
    etag: version.id,
    deployment_id: version.id.replaceAll("-", ""),
    startup_time_ms: 12,
  };
}

async function postVersion(state: CloudflareState, request: Routed): Promise<unknown> {
  const { name } = request;
  find(state, name);
  const { id } = await upload(state, name, await formOf(request));
  return { id, startup_time_ms: 12, resources: { script: { etag: id } } };
}

function formOf({ type, body }: ApiRequest): Promise<FormData> {
  return new Response(new Uint8Array(body), { headers: { "Content-Type": type } }).formData();
}

function showVersion({ id }: { readonly id: string }): object {
  return { id, number: 1, metadata: { created_on: new Date().toISOString(), source: "wrangler" } };
}

function findVersion({ versions }: FakeWorker, id: string): unknown {
  const version = versions.find((one) => one.id === id);
  if (version === undefined)
    throw new ApiFailure(404, 10092, "The requested Worker version could not be found.");
  const { bindings } = version;
  return { ...showVersion(version), annotations: {}, resources: { bindings, script: {} } };
}

/** The newest first. */
function deploymentsOf({ deployed, sharing }: FakeWorker): unknown[] {
  const share = sharing?.percentage ?? 0;
  const other = sharing === null ? [] : [{ version_id: sharing.version, percentage: share }];
  return deployed.toReversed().map((id, position) => ({
    id: `${id}-${position}`,
    source: "wrangler",
    strategy: "percentage",
    author_email: "pipeline@example.com",
    created_on: new Date(Date.now() - position * 1000).toISOString(),
    annotations: {},
    versions: [
      { version_id: id, percentage: position === 0 ? 100 - share : 100 },
      ...(position === 0 ? other : []),
    ],
  }));
}

async function deploy(state: CloudflareState, worker: FakeWorker, body: Buffer): Promise<unknown> {
  const { versions } = JSON.parse(body.toString()) as { versions: { version_id: string }[] };
  const version = worker.versions.find(({ id }) => id === versions[0]?.version_id);
  if (version === undefined)
    throw new ApiFailure(404, 10092, "The requested Worker version could not be found.");
  // Cloudflare, "Rollbacks", "Limits": not where a Durable Object migration lies between. The code is a guess.
  if (version.migrationTag !== worker.migrationTag)
    throw new ApiFailure(400, 10211, "A Durable Object migration has occurred since that version.");
  worker.deployed.push(version.id);
  worker.sharing = null;
  await state.edge?.(version);
  return { id: version.id };
}

function setSubdomain(worker: FakeWorker, body: Buffer): unknown {
  const { enabled } = JSON.parse(body.toString()) as { enabled: boolean };
  worker.onSubdomain = enabled;
  return { enabled, previews_enabled: false };
}

function subdomainOf({ onSubdomain }: FakeWorker, name: string): unknown {
  return { id: name, name, subdomain: { enabled: onSubdomain, previews_enabled: false } };
}

/** @see wrangler, "publishCustomDomains": a changeset is asked for first, then the records are put */
function addDomains(state: CloudflareState, { name, body }: Routed): unknown {
  const { origins } = JSON.parse(body.toString()) as { origins: { hostname: string }[] };
  const hosts = origins.map(({ hostname }) => hostname);
  for (const host of hosts)
    if (![...state.zones].some((zone) => host === zone || host.endsWith(`.${zone}`)))
      throw new ApiFailure(400, 10082, `Could not find zone for '${host}'.`);
  find(state, name).domains = hosts;
  return hosts.map((hostname) => ({ id: hostname, hostname, service: name }));
}

function setCrons(worker: FakeWorker, body: Buffer): unknown {
  const crons = JSON.parse(body.toString()) as { cron: string }[];
  worker.crons = crons.map(({ cron }) => cron);
  return { schedules: crons };
}

function createBucket(state: CloudflareState, body: Buffer): unknown {
  const { name } = JSON.parse(body.toString()) as { name: string };
  if (state.buckets.has(name))
    throw new ApiFailure(409, 10004, "The bucket you tried to create already exists");
  state.buckets.add(name);
  return { name };
}

function readBucket(state: CloudflareState, name: string): unknown {
  if (state.buckets.has(name)) return { name };
  throw new ApiFailure(404, 10006, "The specified bucket does not exist.");
}
