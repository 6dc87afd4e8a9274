import * as fc from "fast-check";
import type { Faults } from "../helpers/fake-hub/faults.ts";
import type { StoreFault } from "./worker/fault.ts";

/** How the mirror stands to an image when it is asked. */
type State =
  | "cold"
  | "warm"
  /** Stored, and its tag to be confirmed. */
  | "stale"
  /** Its layer's fill was interrupted. */
  | "half-filled";

/** What is asked for. */
export type Endpoint =
  | "manifest by tag"
  | "manifest by digest"
  | "HEAD manifest"
  | "blob"
  | "range"
  | "HEAD blob"
  | "tags"
  | "referrers"
  | "catalog"
  | "page";

/** A store's fault; `about` says whose objects are hit. */
type StoreTrouble = Omit<StoreFault, "match"> & { readonly about: "manifest" | "layer" };

/** One run: what is asked, of what, and what goes wrong meanwhile. */
export interface Scenario {
  readonly state: State;
  readonly endpoint: Endpoint;
  /** How many ask at once. */
  readonly clients: number;
  /** Whether they reach an isolate that remembers nothing. */
  readonly fresh: boolean;
  /** Of the layer. */
  readonly size: number;
  /** Of the upstream; empty for none. */
  readonly upstream: Partial<Faults>;
  readonly store: readonly StoreTrouble[];
  /** The Durable Object that is reset in the middle. */
  readonly reset: {
    readonly object: "fill" | "gate" | "inventory";
    readonly afterMs: number;
  } | null;
}

const MIB = 1024 * 1024;
const STATUSES = [400, 401, 403, 404, 408, 416, 418, 429, 451, 500, 501, 502, 503, 504, 520];

const where = fc.constantFrom("registry", "token", "cdn");
const afterBytes = fc.oneof(
  { weight: 3, arbitrary: fc.nat(5000) },
  { weight: 1, arbitrary: fc.nat(2 * MIB) },
);

/** Silence takes the mirror's own deadlines to be noticed, and is rarer so that there is time for the rest. */
const upstreamFault: fc.Arbitrary<Partial<Faults>> = fc.oneof(
  { weight: 30, arbitrary: outage(fc.constantFrom(...STATUSES)) },
  { weight: 6, arbitrary: outage(fc.constant("reset" as const)) },
  { weight: 2, arbitrary: outage(fc.constant("hang" as const)) },
  { weight: 8, arbitrary: fc.record({ afterBytes, times: fc.nat(6) }).map((cut) => ({ cut })) },
  { weight: 1, arbitrary: afterBytes.map((at) => ({ stall: { afterBytes: at, times: 1 } })) },
  { weight: 5, arbitrary: fc.constant({ corruptBlobs: true }) },
  { weight: 5, arbitrary: fc.constant({ corruptManifests: true }) },
  { weight: 4, arbitrary: fc.constant({ ignoreRange: true }) },
  { weight: 4, arbitrary: fc.constant({ gzip: true }) },
  { weight: 6, arbitrary: fc.constantFrom(-1000, -1, 1, 1000).map((lengthOff) => ({ lengthOff })) },
  { weight: 4, arbitrary: fc.nat(3).map((urlUses) => ({ urlUses })) },
  { weight: 4, arbitrary: fc.nat(3).map((tokenUses) => ({ tokenUses })) },
  { weight: 4, arbitrary: fc.nat(400).map((cutRegistry) => ({ cutRegistry })) },
  { weight: 3, arbitrary: fc.constant({ redirectLoop: true }) },
  { weight: 3, arbitrary: fc.constant({ redirectTo: "ftp://127.0.0.1/blob" }) },
  { weight: 3, arbitrary: fc.constant({ realm: "http://evil.example/token" }) },
  { weight: 3, arbitrary: fc.constant({ headWithoutDigest: true }) },
  { weight: 4, arbitrary: fc.integer({ min: 20, max: 400 }).map((delayMs) => ({ delayMs })) },
);

function outage(kind: fc.Arbitrary<number | "reset" | "hang">): fc.Arbitrary<Partial<Faults>> {
  return fc.tuple(where, kind).map(([at, fault]) => ({ [at]: fault }));
}

const storeFault: fc.Arbitrary<StoreTrouble> = fc
  .record({
    about: fc.constantFrom("manifest" as const, "layer" as const),
    operation: fc.constantFrom(
      "get" as const,
      "head" as const,
      "put" as const,
      "list" as const,
      "delete" as const,
    ),
    kind: fc.constantFrom("fail" as const, "lost" as const, "slow" as const, "cut" as const),
    times: fc.constantFrom(1, 2, 1000),
    delayMs: fc.integer({ min: 10, max: 500 }),
    afterBytes,
  })
  // A body is what `get` alone has.
  .map((fault) => (fault.kind === "cut" ? { ...fault, operation: "get" as const } : fault));

/** Those that are filled by chunks cost a second each, and are rarer. */
const size = fc.oneof(
  { weight: 120, arbitrary: fc.nat(5000) },
  { weight: 6, arbitrary: fc.integer({ min: MIB - 1, max: MIB + 1 }) },
  { weight: 15, arbitrary: fc.integer({ min: MIB, max: 1.5 * MIB }) },
  { weight: 1, arbitrary: fc.integer({ min: 16 * MIB, max: 18 * MIB }) },
);

/** Every way the mirror can be asked, in every state, with every fault. */
const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    state: fc.constantFrom<State>("cold", "warm", "stale"),
    endpoint: fc.constantFrom<Endpoint>(
      "manifest by tag",
      "manifest by tag",
      "manifest by digest",
      "HEAD manifest",
      "blob",
      "blob",
      "blob",
      "range",
      "HEAD blob",
      "tags",
      "referrers",
      "catalog",
      "page",
    ),
    clients: fc.integer({ min: 1, max: 3 }),
    fresh: fc.boolean(),
    size,
    upstream: fc.oneof(
      { weight: 1, arbitrary: fc.constant({}) },
      { weight: 3, arbitrary: upstreamFault },
    ),
    store: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 2, arbitrary: fc.array(storeFault, { minLength: 1, maxLength: 2 }) },
    ),
    reset: fc.option(
      fc.record({
        object: fc.constantFrom("fill" as const, "gate" as const, "inventory" as const),
        afterMs: fc.nat(60),
      }),
      { freq: 6 },
    ),
    halfFilled: fc.integer({ min: 0, max: 79 }),
  })
  .map(({ halfFilled, ...scenario }) =>
    halfFilled === 0
      ? { ...scenario, state: "half-filled", endpoint: "blob", size: 17 * MIB + scenario.size }
      : scenario,
  );

/** The one scenario that a seed stands for. */
export function scenarioOf(seed: number): Scenario {
  const [scenario] = fc.sample(scenarios, { seed, numRuns: 1 });
  if (scenario === undefined) throw new Error("fast-check gave no sample");
  return scenario;
}

/** Whether the upstream tells the mirror that there is nothing, or nothing to be shown. */
export function isDenial({ upstream }: Scenario): boolean {
  const { registry, token, tokenUses } = upstream;
  return (
    [401, 403, 404].includes(registry as number) ||
    [401, 403].includes(token as number) ||
    tokenUses === 0
  );
}

/** Whether a cold image can be had all the same, if the mirror does what it promises. */
export function isSurvivable({ upstream, endpoint, size: bytes }: Scenario): boolean {
  const names = Object.keys(upstream);
  const [name] = names;
  const ofBlobs = endpoint === "blob" || endpoint === "range" || endpoint === "HEAD blob";
  switch (name as keyof Faults | undefined) {
    case undefined:
    case "delayMs":
    case "headWithoutDigest":
    case "ignoreRange":
    case "linkTo":
    case "gzip":
    case "stall":
      return true;
    case "cut":
      return (upstream.cut?.times ?? 0) <= 3;
    case "urlUses":
      return !ofBlobs || upstream.urlUses !== 0;
    case "tokenUses":
      // Chunks are asked for at once, by one token.
      return upstream.tokenUses !== 0 && bytes <= 16 * MIB;
    case "cdn":
    case "corruptBlobs":
    case "lengthOff":
    case "redirectLoop":
    case "redirectTo":
      return !ofBlobs;
    case "corruptManifests":
    case "cutRegistry":
      return ofBlobs || endpoint === "tags" || endpoint === "referrers";
    case "registry":
    case "anonymous":
    case "token":
    case "realm":
    case "bytesPerSecond":
      return false;
  }
}
