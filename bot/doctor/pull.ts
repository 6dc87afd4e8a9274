import {
  type Descriptor,
  type ManifestContent,
  MAX_MANIFEST_BYTES,
  readManifest,
} from "../../worker/oci/manifest.ts";
import { type Digest, digestAlgorithm, digestHex, parseDigest } from "../../worker/oci/digest.ts";
import { MANIFEST_ACCEPT } from "../../worker/oci/media-type.ts";
import type { Finding } from "./check.ts";
import { type ProbeAnswer, type Prober, ProbeError, quoted } from "./probe.ts";
import { type Door, type Target, urlOf } from "./target.ts";

/** 64 MiB: a test pull shows that blobs come, not that a gigabyte does. */
const MAX_PULL_BYTES = 64 * 1024 * 1024;
/** An index may name an index; no client follows more. */
const MAX_DEPTH = 3;
/** Where a blob's bytes are: a CDN, at times by way of another. */
const MAX_REDIRECTS = 3;

/** A pull that went wrong, told as the finding it is. */
class PullProblem extends Error {
  override readonly name = "PullProblem";
  readonly advice: string;

  constructor(detail: string, advice: string) {
    super(detail);
    this.advice = advice;
  }
}

/** Pulls the image as a client would, with every digest checked, and its manifest a second time. */
export async function checkPull(prober: Prober, target: Target): Promise<Finding> {
  try {
    return await pull(prober, target);
  } catch (error) {
    if (error instanceof PullProblem)
      return { status: "failed", detail: error.message, advice: error.advice };
    throw error;
  }
}

async function pull(prober: Prober, target: Target): Promise<Finding> {
  const { image, door } = target;
  const wanted = image.digest ?? image.tag ?? "latest";
  const first = await getManifest(prober, target, wanted);
  let manifest = first;
  for (let depth = 1; manifest.content.kind === "index"; depth += 1) {
    const [child] = manifest.content.manifests;
    if (child === undefined || depth > MAX_DEPTH)
      throw new PullProblem(`${image.repository}: the index names no image`, "try another --image");
    manifest = await getManifest(prober, target, child.digest);
  }
  const blobs = await getBlobs(prober, { door, target }, manifest.content.blobs);
  const again = await getManifest(prober, target, wanted);
  const measured = {
    manifestMs: first.ms,
    blobsMs: blobs.ms,
    bytes: blobs.bytes,
    againMs: again.ms,
    outcome: first.outcome,
    againOutcome: again.outcome,
  };
  const left = blobs.left > 0 ? `, ${blobs.left} more not tried` : "";
  const detail =
    `${image.repository}: manifest in ${first.ms} ms (${first.outcome}), ${blobs.count} blobs of ` +
    `${blobs.bytes} bytes in ${blobs.ms} ms${left}, digests right; again in ${again.ms} ms (${again.outcome})`;
  if (!first.hasDigest)
    return {
      status: "warning",
      detail: `${detail}; no Docker-Content-Digest`,
      advice:
        "clients that resolve a tag by HEAD need this header: what stands before the mirror may drop it",
      measured,
    };
  if (first.outcome === "STALE")
    return {
      status: "warning",
      detail,
      advice:
        "served from the store while Docker Hub does not answer: images not pulled before fail now",
      measured,
    };
  return { status: "ok", detail, measured };
}

interface PulledManifest {
  readonly content: ManifestContent;
  readonly ms: number;
  /** As `X-Cache` says it, `UNKNOWN` without one. */
  readonly outcome: string;
  readonly hasDigest: boolean;
}

async function getManifest(
  prober: Prober,
  { image, door }: Target,
  reference: string,
): Promise<PulledManifest> {
  const what = `manifest ${reference}`;
  const answer = await ask(what, () =>
    prober.ask(urlOf(door, image, `manifests/${reference}`), {
      accept: MANIFEST_ACCEPT,
      authorization: door.authorization,
      maxBytes: MAX_MANIFEST_BYTES,
      keep: true,
    }),
  );
  if (answer.status !== 200) throw refusal(what, answer);
  const told = parseDigest(answer.headers.get("Docker-Content-Digest") ?? "");
  const asked = parseDigest(reference);
  for (const digest of [asked, told]) if (digest !== null) verify(what, digest, answer);
  const content = readManifest(answer.body, answer.headers.get("Content-Type"));
  if (content === null)
    throw new PullProblem(
      `${what}: answered with what is no manifest (${quoted(answer.headers.get("Content-Type") ?? "no type")})`,
      "something else than a registry answers here: a login page, or a proxy's error",
    );
  return {
    content,
    ms: Math.round(answer.totalMs),
    outcome: /^[A-Z]{2,20}$/.exec(answer.headers.get("X-Cache") ?? "")?.[0] ?? "UNKNOWN",
    hasDigest: told !== null,
  };
}

/** The smallest first, so that a few megabytes show config and layers alike. */
async function getBlobs(
  prober: Prober,
  { door, target }: { readonly door: Door; readonly target: Target },
  blobs: readonly Descriptor[],
): Promise<{ count: number; left: number; bytes: number; ms: number }> {
  const sorted = blobs.toSorted((a, b) => a.size - b.size);
  let [count, bytes, ms] = [0, 0, 0];
  for (const { digest, size } of sorted) {
    if (count > 0 && bytes + size > MAX_PULL_BYTES) break;
    const what = `blob ${digest.slice(0, 19)}`;
    const answer = await ask(what, () =>
      follow(prober, {
        url: urlOf(door, target.image, `blobs/${digest}`),
        authorization: door.authorization,
        maxBytes: size,
      }),
    );
    if (answer.status !== 200) throw refusal(what, answer);
    verify(what, digest, answer);
    count += 1;
    bytes += answer.bytes;
    ms += answer.totalMs;
  }
  return { count, left: sorted.length - count, bytes, ms: Math.round(ms) };
}

interface BlobRequest {
  readonly url: URL;
  readonly authorization: string | null;
  readonly maxBytes: number;
}

/** Registries may send a client to where blobs lie; nothing of ours goes along, and never from HTTPS to HTTP. */
async function follow(prober: Prober, request: BlobRequest): Promise<ProbeAnswer> {
  let { url, authorization } = request;
  for (let hops = 0; ; hops += 1) {
    // A redirect's own body is read too, and is of no interest.
    const maxBytes = Math.max(request.maxBytes, 64 * 1024);
    const answer = await prober.ask(url, { authorization, maxBytes });
    if (![301, 302, 303, 307, 308].includes(answer.status)) return answer;
    const next = URL.parse(answer.headers.get("Location") ?? "", url.href);
    const isPlain = next?.protocol === "http:" && url.protocol === "http:";
    if (next === null || hops >= MAX_REDIRECTS || !(next.protocol === "https:" || isPlain))
      throw new PullProblem(
        `a blob is redirected ${next === null ? "nowhere" : `to ${quoted(next.origin)}`}; not followed`,
        "a client would not follow either: look at the mirror's storage settings",
      );
    if (next.origin !== url.origin) authorization = null;
    url = next;
  }
}

function verify(what: string, digest: Digest, answer: ProbeAnswer): void {
  if (answer[digestAlgorithm(digest)] === digestHex(digest)) return;
  throw new PullProblem(
    `${what}: the bytes have another digest than they should (sha256:${answer.sha256.slice(0, 12)}…)`,
    "do not use this mirror: it, or what stands between here and there, changes what it serves",
  );
}

async function ask(what: string, request: () => Promise<ProbeAnswer>): Promise<ProbeAnswer> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    throw new PullProblem(`${what}: ${error.message}`, ADVICE_BY_KIND[error.kind]);
  }
}

const ADVICE_BY_KIND: Readonly<Record<ProbeError["kind"], string>> = {
  "no-answer": "the mirror answered before: look at its log, and try again",
  timeout:
    "the first pull of a large image takes long (--timeout); otherwise look at the mirror's log",
  "too-long": "the mirror sends more than the manifest says: do not use it",
  broken: "the mirror or its upstream broke off: look at its log, and try again",
};

/** Turns a status into what is behind it, in the mirror's own words where it has some. */
function refusal(what: string, { status, headers, body }: ProbeAnswer): PullProblem {
  const told = /"message"\s*:\s*"((?:[^"\\]|\\.){1,300})"/.exec(body)?.[1];
  const because = told === undefined ? "" : ` (${quoted(told)})`;
  const wait = headers.get("Retry-After");
  const detail = `${what}: answered ${status}${because}`;
  if (status === 401 || status === 403)
    return new PullProblem(detail, "this client may not pull: see access above");
  if (status === 404)
    return new PullProblem(
      detail,
      "Docker Hub has no such image, or not for everybody: name another with --image, or see PRIVATE_REPOSITORIES",
    );
  if (status === 429) {
    const until = wait === null ? "" : `, until ${quoted(wait)} s from now`;
    if (told?.includes("too many wrong secrets") === true)
      return new PullProblem(
        detail,
        `the mirror does not listen to this address${until}: a client behind it goes on with a secret that is old or mistyped`,
      );
    return new PullProblem(
      detail,
      `a limit is reached${until}: set DOCKERHUB_USERNAME and DOCKERHUB_TOKEN on the mirror`,
    );
  }
  if (status >= 300 && status < 400)
    return new PullProblem(
      detail,
      "manifests are not to be redirected: name the address it leads to",
    );
  return new PullProblem(
    detail,
    "the mirror does not reach its upstream, or fails itself: see its log, and https://www.dockerstatus.com",
  );
}
