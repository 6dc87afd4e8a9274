import { Buffer } from "node:buffer";
import { MANIFEST_ACCEPT } from "../../worker/oci/media-type.ts";
import type { Finding } from "./check.ts";
import { type Prober, ProbeError, quoted } from "./probe.ts";
import { type Door, type Target, urlOf } from "./target.ts";

/** The limiter's own message: no word of it is an upstream's. */
const TOO_MANY = "too many wrong secrets";
const MAX_REFUSAL = 64 * 1024;

/** What a HEAD for a manifest says about a door. `unknown`: it was answered, and not because of who asked. */
type Verdict = "in" | "refused" | "limited" | "unknown";

interface Knock {
  readonly status: number;
  readonly verdict: Verdict;
  readonly hasChallenge: boolean;
}

/**
 * Who may pull: with the secret, and without it.
 *
 * A HEAD is asked for, which Docker Hub does not count. No wrong secret is tried: it would count as an attack.
 */
export async function checkAccess(prober: Prober, target: Target): Promise<Finding> {
  try {
    if (target.secret === null) return judgeOpen(await knock(prober, target.door, target), target);
    const inside = await knock(prober, target.door, target);
    if (inside.verdict !== "in") return judgeShut(inside, true);
    const outside = await knock(prober, target.stranger, target);
    const places = await listPlaces(prober, target, target.secret);
    return judgeBoth(places, { inside, outside, target });
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return {
      status: "failed",
      detail: `HEAD of a manifest: ${error.message}`,
      advice: "the mirror answers its base and not this: look at its log",
    };
  }
}

async function knock(prober: Prober, door: Door, { image }: Target): Promise<Knock> {
  const url = urlOf(door, image, `manifests/${image.digest ?? image.tag ?? "latest"}`);
  const { authorization } = door;
  const request = { method: "HEAD", accept: MANIFEST_ACCEPT, authorization, maxBytes: 0 } as const;
  const { status, headers } = await prober.ask(url, request);
  const hasChallenge = headers.has("WWW-Authenticate");
  const isTold = status !== 429 && status < 500;
  const verdict = isTold ? verdictOf(status) : await askCatalog(prober, door);
  return { status, verdict, hasChallenge };
}

function verdictOf(status: number): Verdict {
  return status === 401 || status === 403 ? "refused" : "in";
}

/** A limit or an outage of the upstream's hides whether the door is open; the catalog asks no upstream. */
async function askCatalog(prober: Prober, { base, prefix, authorization }: Door): Promise<Verdict> {
  const url = new URL(`${base}/v2/${prefix}_catalog?n=1`);
  try {
    const answer = await prober.ask(url, { authorization, maxBytes: MAX_REFUSAL, keep: true });
    if (answer.status === 429) return answer.body.includes(TOO_MANY) ? "limited" : "unknown";
    // A mirror of another make may have no catalog.
    return answer.status === 200 || answer.status < 404 ? verdictOf(answer.status) : "unknown";
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return "unknown";
  }
}

function judgeOpen(seen: Knock, { isLoopback }: Target): Finding {
  const { status, verdict, hasChallenge } = seen;
  const measured = { statusWithout: status };
  if (hasChallenge) return { ...challenged(status), measured };
  if (verdict !== "in") return judgeShut(seen, false);
  if (isLoopback) return { status: "ok", detail: "no secret is needed on this machine", measured };
  return {
    status: "warning",
    detail: "this client is let in without a secret; whether others are cannot be seen from here",
    advice: "right where ACCESS names your network by cidr:; anywhere else set a token: rule",
    measured,
  };
}

function challenged(status: number): Finding {
  return {
    status: "failed",
    detail: `the mirror asks for a login (${status} with WWW-Authenticate)`,
    advice:
      "daemons do not log in to a mirror, and an old one answers with the user's Docker Hub password: refuse by 403",
  };
}

/** A client that is not let in, or of which that cannot be told. */
function judgeShut({ status, verdict, hasChallenge }: Knock, hasSecret: boolean): Finding {
  if (hasChallenge) return challenged(status);
  const measured = hasSecret ? { statusWith: status } : { statusWithout: status };
  if (verdict === "unknown")
    return {
      status: "unknown",
      detail: `whether this client is let in cannot be told: it was answered ${status}`,
      advice: "a limit or an outage is in the way: see pull below, and look again when it is over",
      measured,
    };
  if (verdict === "limited")
    return {
      status: "failed",
      detail: `this address is not listened to: too many wrong secrets came from it (${status})`,
      advice:
        "it ends within ten minutes, unless clients behind this address go on with a secret that is old or mistyped",
      measured,
    };
  if (!hasSecret)
    return {
      status: "failed",
      detail: `this client is refused (${status})`,
      advice:
        "name the secret (--mirror …/t/<secret> or TIDEPOOL_SECRET), or let this address in with cidr: in ACCESS",
      measured,
    };
  return {
    status: "failed",
    detail: `refused with the secret (${status})`,
    advice: "no token: rule in ACCESS has this secret, or it has expired",
    measured,
  };
}

interface Place {
  readonly clients: string;
  /** `null` where it cannot be told. */
  readonly isOpen: boolean | null;
}

/** The places where a client may put a secret; the host's label is tried only where it was given as such. */
async function listPlaces(prober: Prober, target: Target, secret: string): Promise<Place[]> {
  const { stranger } = target;
  const credentials = Buffer.from(`tidepool:${secret}`).toString("base64");
  const doors: readonly (readonly [string, Door])[] = [
    [
      "/t/<secret>/v2/ (dockerd, containerd)",
      { ...stranger, base: `${stranger.base}/t/${secret}` },
    ],
    ["/v2/t/<secret>/ (BuildKit, Podman, kaniko)", { ...stranger, prefix: `t/${secret}/` }],
    ["Bearer", { ...stranger, authorization: `Bearer ${secret}` }],
    ["Basic", { ...stranger, authorization: `Basic ${credentials}` }],
  ];
  const places: Place[] = [];
  for (const [clients, door] of doors) {
    const { status, verdict } = await knock(prober, door, target);
    places.push({ clients, isOpen: verdict === "unknown" ? null : status === 200 });
  }
  return places;
}

function judgeBoth(
  places: readonly Place[],
  { inside, outside, target }: { inside: Knock; outside: Knock; target: Target },
): Finding {
  const open = places.filter(({ isOpen }) => isOpen === true).map(({ clients }) => clients);
  const shut = places.filter(({ isOpen }) => isOpen === false).map(({ clients }) => clients);
  const measured = { statusWith: inside.status, statusWithout: outside.status };
  const seen = `let in with the secret (${inside.status})`;
  if (outside.verdict === "unknown")
    return {
      status: "unknown",
      detail: `${seen}; whether others come in without it cannot be told: answered ${outside.status}`,
      measured,
    };
  if (outside.verdict === "in")
    return {
      status: target.isLoopback ? "ok" : "warning",
      detail: `${seen}, and without it too (${outside.status})`,
      ...(target.isLoopback
        ? {}
        : {
            advice:
              "right where ACCESS also lets this address in; anywhere else take open out of it",
          }),
      measured,
    };
  const without = `, refused without it (${outside.status})`;
  // Where the manifest itself is not to be had, an open place cannot be told from one that is not there.
  if (shut.length > 0 && inside.status === 200)
    return {
      status: "warning",
      detail: `${seen}${without}; not let in by ${quoted(shut.join(", "))}`,
      advice:
        "clients that put the secret there are refused: what stands before the mirror may drop it",
      measured,
    };
  const by = open.length === 0 ? "" : `; by ${open.join(", ")}`;
  return { status: "ok", detail: `${seen}${without}${by}`, measured };
}
