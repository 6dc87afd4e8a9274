import { createHash } from "node:crypto";
import { type Received, receive } from "../helpers/bytes.ts";
import { type FakeHub, startFakeHub } from "../helpers/fake-hub/hub.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import type { MirrorParts } from "../../worker/local/mirror.ts";
import { bundleWorker } from "../../worker/local/bundle.ts";
import type { Answer } from "./judge.ts";
import { CONTROL, FRESH_ISOLATE, type StoreFault, type StoredObject } from "./worker/fault.ts";

/** A mirror whose store and objects can be made to fail. */
export interface FaultyMirror extends TestMirror {
  addFaults(faults: readonly StoreFault[]): Promise<void>;
  clearFaults(match: string): Promise<void>;
  reset(object: "fill" | "gate" | "inventory", name: string): Promise<void>;
  /** Has a fill's alarm ring now. @returns whether none was set */
  sweep(digest: string): Promise<boolean>;
  /** What is stored under a prefix, with its true digest. */
  readStore(prefix: string): Promise<readonly StoredObject[]>;
}

/** Docker Hub, and two mirrors of it on stores of their own. */
export interface World {
  readonly hub: FakeHub;
  /** Its tags are fresh for an hour. */
  readonly fresh: FaultyMirror;
  /** It has every tag confirmed at every pull. */
  readonly asking: FaultyMirror;
  stop(): Promise<void>;
}

/** Starts it. @param blobs - where they are */
export async function startWorld(blobs: "r2" | "files" = "r2"): Promise<World> {
  const hub = await startFakeHub();
  hub.hasReferrers = true;
  const script = bundleWorker(new URL("worker/index.ts", import.meta.url));
  const [fresh, asking] = await Promise.all(
    ["3600", "0"].map((ttl) => startFaultyMirror(hub.url, ttl, { script, blobs })),
  );
  if (fresh === undefined || asking === undefined) throw new Error("a mirror did not start");
  return {
    hub,
    fresh,
    asking,
    async stop() {
      await Promise.all([fresh.stop(), asking.stop()]);
      await hub.close();
    },
  };
}

async function startFaultyMirror(
  upstream: string,
  ttl: string,
  parts: MirrorParts,
): Promise<FaultyMirror> {
  const mirror = await startTestMirror({ UPSTREAM: upstream, TAG_TTL_SECONDS: ttl }, parts);
  const control = async (action: string, name: string, body: unknown = null): Promise<unknown> => {
    const query = new URLSearchParams({ name });
    const init = { method: "POST", body: JSON.stringify(body) };
    const response = await mirror.fetch(`${CONTROL}${action}?${query.toString()}`, init);
    if (!response.ok) throw new Error(`${action}: ${response.status} ${await response.text()}`);
    return await response.json();
  };
  return {
    ...mirror,
    addFaults: async (faults) => void (await control("/add", "", faults)),
    clearFaults: async (match) => void (await control("/clear", match)),
    reset: async (object, name) => void (await control(`/reset/${object}`, name)),
    sweep: async (digest) => (await control("/sweep", digest)) as boolean,
    readStore: async (prefix) => (await control("/store", prefix)) as StoredObject[],
  };
}

/** Longer than any deadline of the mirror's, and than clients wait. */
const PATIENCE_MS = 240_000;

/** One client's request, read to its end or to where it breaks. */
export async function ask(
  mirror: TestMirror,
  path: string,
  how: { readonly method?: string; readonly fresh?: boolean; readonly range?: string } = {},
): Promise<Answer | "hung"> {
  const { method = "GET", fresh = false, range } = how;
  const headers = {
    ...(fresh ? { [FRESH_ISOLATE]: "1" } : {}),
    ...(range === undefined ? {} : { range }),
  };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    const response = await mirror.fetch(path, { method, headers, signal });
    // A refusal is short, and is looked into.
    const isRefused = response.status >= 400;
    const body = isRefused ? await response.text() : "";
    const received = isRefused
      ? describe(response, body)
      : await receive(Promise.resolve(response));
    return signal.aborted ? "hung" : { ...received, body };
  } catch (error) {
    if (signal.aborted) return "hung";
    // What breaks before its first byte has no head either.
    const { cause } = error as Error;
    return { ...describe(new Response(), String(cause)), broken: true, body: String(cause) };
  }
}

function describe({ status, headers }: Response, body: string): Received {
  const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  return { status, headers, digest, length: body.length, broken: false, ms: 0 };
}
