import type { Received } from "../helpers/bytes.ts";
import { type Scenario, isDenial, isSurvivable } from "./scenario.ts";

/** What a client got, and the text of a refusal. */
export interface Answer extends Received {
  readonly body: string;
}

/** What a right answer to a scenario's request is. */
export interface Right {
  readonly status: number;
  /** Of the whole body; `null` where it is not known beforehand. */
  readonly digest: string | null;
  readonly contentLength: number | null;
}

/** @see OCI distribution spec v1.1.1, "Error Codes" */
const CODES: ReadonlySet<string> = new Set([
  "BLOB_UNKNOWN",
  "BLOB_UPLOAD_INVALID",
  "BLOB_UPLOAD_UNKNOWN",
  "DIGEST_INVALID",
  "MANIFEST_BLOB_UNKNOWN",
  "MANIFEST_INVALID",
  "MANIFEST_UNKNOWN",
  "NAME_INVALID",
  "NAME_UNKNOWN",
  "SIZE_INVALID",
  "UNAUTHORIZED",
  "DENIED",
  "UNSUPPORTED",
  "TOOMANYREQUESTS",
]);

/** Says what is wrong with an answer; `null` for nothing. */
export function judge(scenario: Scenario, right: Right, answer: Answer | "hung"): string | null {
  if (answer === "hung") return "no answer in time";
  if (answer.status === 200 || answer.status === 206) {
    // The store's own bytes that break off under an answer: the client goes on by Range.
    if (answer.broken && scenario.store.some(({ kind }) => kind === "cut")) return null;
    if (answer.broken) return mustBeServed(scenario) ? "broke off" : null;
    return isUnverifiable(scenario) ? null : judgeWhole(right, answer);
  }
  return judgeRefusal(scenario, answer);
}

/** A part of a blob, passed on past a store that is away: only who has the whole can tell that it is wrong. */
function isUnverifiable({ endpoint, store, upstream }: Scenario): boolean {
  const isStoreAway = store.some(({ kind }) => kind === "fail" || kind === "lost");
  return endpoint === "range" && isStoreAway && upstream.corruptBlobs === true;
}

function judgeWhole(right: Right, answer: Answer): string | null {
  if (answer.status !== right.status) return `status ${answer.status}`;
  if (right.digest !== null && answer.digest !== right.digest) return "wrong bytes";
  const announced = answer.headers.get("content-length");
  if (
    right.contentLength !== null &&
    announced !== null &&
    Number(announced) !== right.contentLength
  )
    return `Content-Length ${announced}`;
  return null;
}

function judgeRefusal(scenario: Scenario, answer: Answer): string | null {
  const { status, body, headers } = answer;
  const said = `${status} ${body}`;
  if (mustBeServed(scenario)) return `was refused: ${said}`;
  const told = Object.values(scenario.upstream) as unknown[];
  if (status === 404 && !isAbsence(scenario)) return `a 404 that nobody said: ${said}`;
  if (status === 500 && !told.includes(500)) return `an error of our own: ${said}`;
  if (status < 400) return `status ${status}`;
  if ((status === 429 || status === 503) && !headers.has("retry-after")) return "no Retry-After";
  if (scenario.endpoint.startsWith("HEAD")) return null;
  try {
    const { errors } = JSON.parse(body) as { errors: readonly { readonly code: string }[] };
    const odd = errors.find(({ code }) => !CODES.has(code));
    return errors.length === 0 || odd !== undefined ? `no code of the spec: ${said}` : null;
  } catch {
    return `no JSON: ${said}`;
  }
}

/** Whether anything that the upstream said can be read as "it is not there". */
function isAbsence(scenario: Scenario): boolean {
  const { cdn, urlUses } = scenario.upstream;
  return isDenial(scenario) || [401, 403, 404].includes(cdn as number) || urlUses === 0;
}

/**
 * Whether there is no excuse: what is cached is served whatever the upstream does, and what the upstream gives is
 * served whatever the store does.
 */
function mustBeServed(scenario: Scenario): boolean {
  const { endpoint, state, store, size } = scenario;
  const isHeld = state === "warm" || state === "stale";
  const isUpstreamWell = isSurvivable(scenario);
  const isStoreWell = store.every(({ kind }) => kind === "slow");
  const isUnbroken = !("cut" in scenario.upstream || "stall" in scenario.upstream);
  switch (endpoint) {
    case "page":
      return true;
    case "manifest by tag":
    case "HEAD manifest":
      if (isDenial(scenario)) return false;
      return isUpstreamWell || (isHeld && isStoreWell);
    case "manifest by digest":
      return isUpstreamWell || (isHeld && isStoreWell);
    case "blob":
    case "range":
      if (isHeld && isStoreWell) return true;
      // What breaks off under an answer that has begun cannot be taken back: the client goes on by Range.
      if (!isStoreWell && (isHeld || size > 16 * 1024 * 1024)) return false;
      // Without a store nothing can be gone on with.
      return isUpstreamWell && (isStoreWell || isUnbroken);
    case "HEAD blob":
      return isUpstreamWell || (isHeld && isStoreWell);
    case "tags":
      return isUpstreamWell || (isHeld && isStoreWell && !isDenial(scenario));
    case "referrers":
      return isUpstreamWell;
    case "catalog":
      return false;
  }
}
