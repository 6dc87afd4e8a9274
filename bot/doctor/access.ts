import { Buffer } from "node:buffer";
import { MANIFEST_ACCEPT } from "../../worker/oci/media-type.ts";
import type { Finding } from "./check.ts";
import { type Prober, ProbeError, quoted } from "./probe.ts";
import { type Door, type Target, urlOf } from "./target.ts";

/** Whether a door is open, by the status of a HEAD for a manifest: what is refused is 401 or 403. */
interface Knock {
  readonly status: number;
  readonly isRefused: boolean;
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
    if (inside.isRefused) return refusedWithSecret(inside);
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
  return {
    status,
    isRefused: status === 401 || status === 403,
    hasChallenge: headers.has("WWW-Authenticate"),
  };
}

function judgeOpen({ status, isRefused, hasChallenge }: Knock, { isLoopback }: Target): Finding {
  const measured = { statusWithout: status };
  if (hasChallenge) return { ...challenged(status), measured };
  if (isRefused)
    return {
      status: "failed",
      detail: `this client is refused (${status})`,
      advice:
        "name the secret (--mirror …/t/<secret> or TIDEPOOL_SECRET), or let this address in with cidr: in ACCESS",
      measured,
    };
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

function refusedWithSecret({ status, hasChallenge }: Knock): Finding {
  if (hasChallenge) return challenged(status);
  return {
    status: "failed",
    detail: `refused with the secret (${status})`,
    advice:
      "no token: rule in ACCESS has this secret, or it has expired; after ten wrong ones wait ten minutes and try again",
    measured: { statusWith: status },
  };
}

interface Place {
  readonly clients: string;
  readonly isOpen: boolean;
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
    const { status } = await knock(prober, door, target);
    places.push({ clients, isOpen: status === 200 });
  }
  return places;
}

function judgeBoth(
  places: readonly Place[],
  { inside, outside, target }: { inside: Knock; outside: Knock; target: Target },
): Finding {
  const open = places.filter(({ isOpen }) => isOpen).map(({ clients }) => clients);
  const shut = places.filter(({ isOpen }) => !isOpen).map(({ clients }) => clients);
  const measured = { statusWith: inside.status, statusWithout: outside.status };
  const seen = `let in with the secret (${inside.status})`;
  if (!outside.isRefused && outside.status !== 429)
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
