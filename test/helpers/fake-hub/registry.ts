import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Manifest } from "../images.ts";
import { fail } from "./fail.ts";
import { type HubState, type Token, faultsFor, limitHeaders, sendJson } from "./state.ts";

interface Call {
  readonly hub: HubState;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly method: string;
  readonly name: string;
}

/** `/v2/…` of the registry: everything needs a bearer token of the very repository. */
export function serveRegistry(
  hub: HubState,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const url = new URL(request.url ?? "", hub.origins.registry);
  const method = request.method ?? "";
  if (url.pathname === "/v2/") {
    // The ping: distribution's own proxy learns the realm from it.
    challenge({ hub, response, url, method, name: "" });
    return;
  }
  const match = /^\/v2\/(.+)\/(manifests|blobs|tags|referrers)\/([^/]+)$/.exec(url.pathname);
  if (match === null || (method !== "GET" && method !== "HEAD")) {
    sendJson(response, match === null ? 404 : 405, { body: { errors: [{ code: "UNSUPPORTED" }] } });
    return;
  }
  const [, name = "", kind = "", last = ""] = match;
  const call: Call = { hub, response, url, method, name };
  const token = readToken(hub, request);
  if (token !== undefined && token.account === null)
    if (fail(faultsFor(hub, name).anonymous, response)) return;
  if (!isAllowed(hub, token, name)) {
    challenge(call);
    return;
  }
  if (kind === "manifests") sendManifest(call, last, request.headers.accept ?? "");
  else if (kind === "blobs") redirectBlob(call, last);
  else if (kind === "tags") sendTags(call);
  else sendReferrers(call, last);
}

function readToken(hub: HubState, request: IncomingMessage): Token | undefined {
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  return bearer === undefined ? undefined : hub.tokens.get(bearer);
}

function isAllowed(hub: HubState, token: Token | undefined, name: string): boolean {
  if (token === undefined || token.repository !== name || token.endsAt < Date.now()) return false;
  token.uses += 1;
  if (token.uses > (faultsFor(hub, name).tokenUses ?? Infinity)) return false;
  const repository = hub.repositories.get(name);
  // Hidden and missing repositories look the same to those who may not see them.
  return repository !== undefined && (!repository.isPrivate || token.account !== null);
}

function challenge({ hub, response, name }: Call): void {
  const realm = faultsFor(hub, name).realm ?? `${hub.origins.token}/token`;
  const scope = name === "" ? "" : `,scope="repository:${name}:pull",error="insufficient_scope"`;
  sendJson(response, 401, {
    headers: {
      "docker-distribution-api-version": "registry/2.0",
      "www-authenticate": `Bearer realm="${realm}",service="registry.docker.io"${scope}`,
    },
    body: { errors: [{ code: "UNAUTHORIZED", message: "authentication required", detail: null }] },
  });
}

function sendManifest(call: Call, reference: string, accept: string): void {
  const { hub, response, method, name } = call;
  const repository = hub.repositories.get(name);
  const digest = reference.includes(":") ? reference : repository?.tags.get(reference);
  const manifest = digest === undefined ? undefined : repository?.manifests.get(digest);
  if (manifest === undefined || !isAccepted(manifest, accept)) {
    const detail = `unknown tag=${reference}`;
    sendJson(response, 404, {
      body: { errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown", detail }] },
    });
    return;
  }
  const limits = limitHeaders(hub);
  if (method === "GET") {
    if (hub.remaining !== null && hub.remaining <= 0) {
      const message =
        "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit";
      sendJson(response, 429, {
        headers: limits,
        body: { errors: [{ code: "TOOMANYREQUESTS", message }] },
      });
      return;
    }
    if (hub.remaining !== null) hub.remaining -= 1;
    hub.counted.set(name, (hub.counted.get(name) ?? 0) + 1);
  }
  const { content, mediaType } = manifest;
  const bytes = Buffer.from(content.read(0, content.size));
  const faults = faultsFor(hub, name);
  if (faults.corruptManifests) bytes[bytes.byteLength - 2] = 0x20;
  const named = method === "GET" || !faults.headWithoutDigest;
  response.writeHead(200, {
    "content-type": mediaType,
    "content-length": content.size,
    ...(named ? { "docker-content-digest": content.digest, etag: `"${content.digest}"` } : {}),
    ...limits,
  });
  if (method === "HEAD") response.end();
  else if (faults.cutRegistry === null) response.end(bytes);
  else response.write(bytes.subarray(0, faults.cutRegistry), () => response.destroy());
}

/** Docker Hub gives an index only to who accepts one; a wildcard accepts what there is. */
function isAccepted(manifest: Manifest, accept: string): boolean {
  return accept.includes(manifest.mediaType) || accept.includes("*/*");
}

function redirectBlob({ hub, response, method, name, url }: Call, digest: string): void {
  if (hub.repositories.get(name)?.blobs.has(digest) !== true) {
    sendJson(response, 404, {
      body: { errors: [{ code: "BLOB_UNKNOWN", message: "blob unknown" }] },
    });
    return;
  }
  const signature = randomBytes(12).toString("hex");
  const faults = faultsFor(hub, name);
  const location =
    (faults.redirectLoop ? url.href : faults.redirectTo) ??
    `${hub.origins.cdn}/blobs/${digest}?verify=${signature}&m=${method}`;
  response.writeHead(307, { location, "content-length": 0 });
  response.end();
}

function sendTags({ hub, response, url, name }: Call): void {
  const all = [...(hub.repositories.get(name)?.tags.keys() ?? [])].toSorted();
  const last = url.searchParams.get("last") ?? "";
  const count = Number(url.searchParams.get("n") ?? 1000);
  const rest = all.filter((tag) => tag > last);
  const tags = rest.slice(0, count);
  const link: Record<string, string> =
    rest.length > tags.length
      ? {
          link: `<${hub.faults.linkTo ?? ""}/v2/${name}/tags/list?last=${tags.at(-1)}&n=${count}>; rel="next"`,
        }
      : {};
  sendJson(response, 200, { headers: link, body: { name, tags } });
}

function sendReferrers({ hub, response, url, name }: Call, digest: string): void {
  if (!hub.hasReferrers) {
    sendJson(response, 404, { body: { errors: [{ code: "UNSUPPORTED" }] } });
    return;
  }
  const wanted = url.searchParams.get("artifactType");
  const all = (hub.repositories.get(name)?.referrers.get(digest) ?? []) as {
    artifactType?: string;
  }[];
  const manifests =
    wanted === null ? all : all.filter(({ artifactType }) => artifactType === wanted);
  sendJson(response, 200, {
    headers: {
      "content-type": "application/vnd.oci.image.index.v1+json",
      ...(wanted === null ? {} : { "oci-filters-applied": "artifactType" }),
    },
    body: { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests },
  });
}
