import { type Mirror, isLoopback } from "../files/mirror.ts";
import { type ImageReference, DOCKER_HUB } from "../../worker/oci/reference.ts";

/** As the mirror has it: what could be a secret in a host's first label is one. */
const SECRET = /^[a-z0-9]{20,63}$/;

/** One way to a mirror's registry API: a base URL, and what is sent along. */
export interface Door {
  /** `/v2/` and all below it stand under this, which ends without a slash. */
  readonly base: string;
  /** Comes after `/v2/`, for clients that put a mirror's path there. */
  readonly prefix: string;
  readonly authorization: string | null;
}

/** A mirror as it was named, and what may be needed to come in. */
export interface Target {
  readonly mirror: Mirror;
  /** From the URL's path, its host or `TIDEPOOL_SECRET`; `null` without one. */
  readonly secret: string | null;
  /** How the tests come in: with the secret, where there is one. */
  readonly door: Door;
  /** The same mirror without the secret. */
  readonly stranger: Door;
  readonly image: ImageReference;
  readonly isLoopback: boolean;
}

/** Finds the doors of a mirror: which one the secret opens depends on where it stands. */
export function createTarget(
  mirror: Mirror,
  { secret: given, image }: { readonly secret: string | null; readonly image: ImageReference },
): Target {
  const inPath = /^(.*)\/t\/([a-z0-9]+)$/.exec(mirror.url);
  const url = new URL(mirror.url);
  const common = { mirror, image, isLoopback: isLoopback(mirror) };
  const opened: Door = { base: mirror.url, prefix: "", authorization: null };
  if (inPath !== null) {
    const [, base = "", secret = ""] = inPath;
    return { ...common, secret, door: opened, stranger: { ...opened, base } };
  }
  const [label = "", ...parents] = url.hostname.split(".");
  if (parents.length > 0 && SECRET.test(label)) {
    const base = mirror.url.replace(`//${label}.`, "//");
    return { ...common, secret: label, door: opened, stranger: { ...opened, base } };
  }
  if (given === null) return { ...common, secret: null, door: opened, stranger: opened };
  const door = { ...opened, authorization: `Bearer ${given}` };
  return { ...common, secret: given, door, stranger: opened };
}

/** A URL below `/v2/`; `ns` names any other registry than Docker Hub. */
export function urlOf(
  door: Door,
  { repository, registry }: Pick<ImageReference, "repository" | "registry">,
  rest: string,
): URL {
  const url = new URL(`${door.base}/v2/${door.prefix}${repository}/${rest}`);
  if (registry !== DOCKER_HUB) url.searchParams.set("ns", registry);
  return url;
}
