import { type Digest, parseDigest } from "../../worker/oci/digest.ts";
import { parseImageReference } from "../../worker/oci/reference.ts";
import type { ShownText } from "./display.ts";
import type { ImageTable } from "./image-table.ts";
import type { Transfer } from "./trace.ts";

/** @see moby, daemon/containerd/image_pull.go and daemon/internal/distribution/pull_v2.go: the path has no host */
const PULLING_FROM = /^(?<prefix>.*?)(?<target>\S+): Pulling from (?<path>\S+)$/;
const DIGEST = /^(?<prefix>.*?)Digest: (?<digest>sha256:[0-9a-f]{64})$/;
const STATUS =
  /^(?<prefix>.*?)Status: (?:(?<newer>Downloaded newer image)|Image is up to date) for (?<name>\S+)$/;
const UNABLE = /^Unable to find image '(?<name>[^'\s]+)' locally$/;
const FROM =
  /^Step (?<step>\d+)(?:\/\d+)? ?: FROM (?:--platform=\S+ )?(?<name>\S+)(?: (?:AS|as) (?<stage>\S+))?$/;
const ARROW = /^---> [0-9a-f]{12}$/;
/** compose 1 names the image; compose 2 does from 2.40, and only the service before that. */
const COMPOSE_1 = /^Pulling \S+ \((?<name>[^()\s]+)\)\.\.\.$/;
const COMPOSE_2 = /^(?:\S )?Image (?<name>\S+) (?:(?<pulled>Pulled)|Pulling)(?: +\d.*)?$/;
const COMPOSE_SERVICE = /^(?:\S )?[\w.-]+ Pulled(?: +\d[\d.]*m?s)?$/;
/** What `docker pull` prints last, and all that it prints when told to be quiet. */
const BARE_NAME = /^docker\.io\/\S+$/;
const COMMAND = /^\$ docker (?:image )?pull (?<rest>.+)$/;
/** The path of `library/` is Docker Hub's in all but Harbor's default project. */
const LIBRARY = "library/";

const MAX_OPEN = 64;

interface OpenPull {
  readonly target: string;
  readonly path: string;
  readonly prefix: string;
  readonly shown: ShownText;
}

/** Reads what a Docker daemon's clients print inside the job: pull, run, the classic builder, compose. */
export class DockerWords {
  readonly #table: ImageTable;
  readonly #onUnnamed: (shown: ShownText) => void;
  /** Full names met so far, by the path and target that a pull's first line is left with. */
  readonly #names = new Map<string, string>();
  #open: OpenPull[] = [];
  readonly #digests = new Map<string, Digest | null>();
  #stages = new Set<string>();
  #from: string | null = null;
  #quietPull = false;

  constructor(table: ImageTable, onUnnamed: (shown: ShownText) => void) {
    this.#table = table;
    this.#onUnnamed = onUnnamed;
  }

  read(shown: ShownText): void {
    const { text } = shown;
    if (text.startsWith("$ ")) this.#command(text);
    else if (text.includes(": Pulling from ")) this.#begin(shown);
    else if (text.includes("Digest: sha256:")) this.#digest(text);
    else if (text.includes("Status: ")) this.#finish(shown);
    else if (ARROW.test(text)) this.#arrow(shown);
    else this.#named(shown);
  }

  /** Names what was begun and never finished, as far as it can be named. */
  end(): void {
    for (const { target, path, shown } of this.#open) {
      const known = this.#names.get(pullKey(path, target));
      if (known !== undefined) this.#saw(shown, known, "asked");
      else if (path.startsWith(LIBRARY)) this.#saw(shown, joinTarget(path, target), "asked");
      else this.#onUnnamed(shown);
    }
    this.#open = [];
  }

  #command(text: string): void {
    const rest = COMMAND.exec(text)?.groups?.["rest"];
    this.#quietPull =
      /(?:^|\s)(?:-q|--quiet)(?:\s|$)/.test(rest ?? "") || /^\$ .*compose\b.*\bpull\b/.test(text);
    for (const word of rest?.split(/\s+/) ?? []) if (!word.startsWith("-")) this.#remember(word);
  }

  #begin(shown: ShownText): void {
    const { prefix = "", target = "", path = "" } = PULLING_FROM.exec(shown.text)?.groups ?? {};
    if (path === "") return;
    this.#from = null;
    const bracketed = /^\[(\S+)\] $/.exec(prefix)?.[1];
    if (bracketed !== undefined) this.#remember(bracketed);
    if (this.#open.length < MAX_OPEN) this.#open.push({ target, path, prefix, shown });
  }

  #digest(text: string): void {
    const { prefix = "", digest = "" } = DIGEST.exec(text)?.groups ?? {};
    // Two digests before one status are two pulls at once: neither can be told to be this one's.
    this.#digests.set(prefix, this.#digests.has(prefix) ? null : parseDigest(digest));
    if (this.#digests.size > MAX_OPEN) this.#digests.clear();
  }

  #finish(shown: ShownText): void {
    const groups = STATUS.exec(shown.text)?.groups;
    if (groups === undefined) return;
    const { prefix = "", name = "" } = groups;
    const digest = this.#digests.get(prefix) ?? null;
    this.#digests.delete(prefix);
    const key = this.#remember(name);
    const index = this.#open.findIndex(({ path, target }) => pullKey(path, target) === key);
    if (index >= 0) this.#open.splice(index, 1);
    const transfer = groups["newer"] === undefined ? "asked" : "downloaded";
    this.#table.saw({ layer: "job", tool: "docker", written: name, transfer, digest, shown });
  }

  #arrow(shown: ShownText): void {
    if (this.#from !== null) this.#saw(shown, this.#from, "local");
    this.#from = null;
  }

  #named(shown: ShownText): void {
    const { text } = shown;
    const from = FROM.exec(text)?.groups;
    if (from !== undefined) {
      this.#stage(shown, from);
      return;
    }
    const wanted = (UNABLE.exec(text) ?? COMPOSE_1.exec(text))?.groups?.["name"];
    if (wanted !== undefined) {
      this.#remember(wanted);
      this.#saw(shown, wanted, "named");
      return;
    }
    const compose = COMPOSE_2.exec(text)?.groups;
    if (compose !== undefined)
      this.#saw(shown, compose["name"] ?? "", compose["pulled"] === undefined ? "named" : "asked");
    else if (COMPOSE_SERVICE.test(text)) this.#onUnnamed(shown);
    else if (this.#quietPull && BARE_NAME.test(text)) this.#saw(shown, text, "asked");
  }

  #stage(shown: ShownText, groups: Record<string, string | undefined>): void {
    const { step, name = "", stage } = groups;
    if (step === "1") this.#stages = new Set();
    const own = this.#stages.has(name.toLowerCase()) || name === "scratch";
    if (stage !== undefined && this.#stages.size < 1000) this.#stages.add(stage.toLowerCase());
    this.#from = own ? null : name;
    if (own) return;
    this.#remember(name);
    this.#saw(shown, name, "named");
  }

  #saw(shown: ShownText, written: string, transfer: Transfer): void {
    this.#table.saw({ layer: "job", tool: "docker", written, transfer, shown });
  }

  #remember(written: string): string {
    const reference = parseImageReference(written);
    if (reference === null) return "";
    const key = pullKey(reference.repository, reference.digest ?? reference.tag ?? "");
    if (this.#names.size < 1000) this.#names.set(key, written);
    return key;
  }
}

/** A pull by digest shows the digest alone, or the whole reference: both end in it. */
function pullKey(path: string, target: string): string {
  return `${path} ${target.slice(target.indexOf("@") + 1)}`;
}

function joinTarget(path: string, target: string): string {
  const last = target.slice(target.indexOf("@") + 1);
  return last.startsWith("sha256:") ? `${path}@${last}` : `${path}:${last}`;
}
