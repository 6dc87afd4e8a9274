import { isDockerHub } from "../../worker/oci/reference.ts";
import { parseRepository } from "../../worker/oci/repository.ts";
import type { ShownText } from "./display.ts";
import type { ImageTable } from "./image-table.ts";
import type { Transfer } from "./trace.ts";

/** `#5 …` in plain progress. In the terminal's kind a step is `=> …`, and what happens in it `=> => …`. */
const PLAIN = /^#(?<vertex>\d+) (?<body>.+)$/;
const TERMINAL = /^=> (?<inner>=> )?(?<body>.+)$/;
const SECONDS = /\s+\d+(?:\.\d+)?s(?: done)?$/;

/** `[internal]`, `[app internal]`, `[linux/arm64 build 1/7]`: bake, compose and platforms put names first. */
const STEP = /^(?<cached>CACHED )?(?:\[(?<bracket>[^\]]*)\] )?(?<rest>.+)$/;
const WANTED =
  /^(?:load metadata for|resolve image config for(?: docker-image:\/\/)?|importing cache manifest from) (?<name>\S+)$/;
const RESOLVED = /^(?:FROM |docker-image:\/\/)(?<name>\S+)$/;
const DAEMON_PULL = /^pulling image (?<name>\S+)(?:\s.*)?$/;
/** @see moby/buildkit, util/resolver/authorizer.go: printed when a token is fetched, with its scopes */
const TOKEN = /^(?<scopes>\S.*) token for (?<host>\S+)$/;
const PULL_SCOPE = /^(?<repository>\S+):pull$/;
/** `sha256:… 3.42MB / 3.42MB 0.6s done`, or the terminal's short form: a layer that came over the network. */
const LAYER = /^sha256:[0-9a-f]{10,64} \d[\d.]*[kMGT]?i?B \/ \d[\d.]*[kMGT]?i?B/;

const MAX_PENDING = 256;

/** Reads BuildKit's progress, plain or as on a terminal, of `docker build`, buildx, bake and compose. */
export class BuildKitWords {
  readonly #table: ImageTable;
  /** The image that a step is about. */
  readonly #steps = new Map<string, string>();
  /** Tokens asked for repositories that no step has named yet. */
  readonly #tokens = new Map<string, ShownText>();
  #terminal = 0;

  constructor(table: ImageTable) {
    this.#table = table;
  }

  read(shown: ShownText): void {
    const plain = PLAIN.exec(shown.text)?.groups;
    if (plain !== undefined) {
      this.#line(shown, plain["vertex"] ?? "", plain["body"] ?? "");
      return;
    }
    const terminal = TERMINAL.exec(shown.text)?.groups;
    if (terminal === undefined) return;
    if (terminal["inner"] === undefined) this.#terminal += 1;
    this.#line(shown, `=>${this.#terminal}`, terminal["body"]?.replace(SECONDS, "") ?? "");
  }

  /** Reports the repositories that Docker Hub was asked for and no step ever named. */
  end(): void {
    for (const [name, shown] of this.#tokens) {
      if (this.#table.bypassed("buildkit", name, shown)) continue;
      const repository = parseRepository(name);
      if (repository === null) continue;
      const reference = { registry: "docker.io", repository, tag: null, digest: null };
      const sighting = { layer: "job", tool: "buildkit", transfer: "asked", bypass: true } as const;
      this.#table.saw({ ...sighting, written: name, reference, shown });
    }
    this.#tokens.clear();
  }

  #line(shown: ShownText, vertex: string, body: string): void {
    if (body === "CACHED") this.#again(shown, vertex, "cached");
    else if (LAYER.test(body)) this.#again(shown, vertex, "downloaded");
    else if (body.startsWith("ERROR")) this.#again(shown, vertex, "failed");
    else this.#step(shown, vertex, body);
  }

  #step(shown: ShownText, vertex: string, body: string): void {
    const { cached, bracket, rest = "" } = STEP.exec(body)?.groups ?? {};
    const name = (WANTED.exec(rest) ?? RESOLVED.exec(rest))?.groups?.["name"];
    if (name !== undefined) {
      if (this.#steps.size > MAX_PENDING) this.#steps.clear();
      this.#steps.set(vertex, name);
      this.#saw(shown, name, cached === undefined ? "named" : "cached");
      return;
    }
    if (bracket?.endsWith("auth") === true) this.#token(shown, rest);
    const pulled = DAEMON_PULL.exec(rest)?.groups?.["name"];
    if (pulled === undefined) return;
    // The builder's own image is pulled by the daemon, before BuildKit runs.
    const sighting = { layer: "job", tool: "docker", written: pulled, shown } as const;
    this.#table.saw({ ...sighting, transfer: "asked" });
  }

  #token(shown: ShownText, rest: string): void {
    const { scopes = "", host = "" } = TOKEN.exec(rest)?.groups ?? {};
    if (!isDockerHub(host)) return;
    for (const scope of scopes.split(" ")) {
      const repository = PULL_SCOPE.exec(scope)?.groups?.["repository"];
      if (repository === undefined || this.#tokens.size > MAX_PENDING) continue;
      if (!this.#tokens.has(repository)) this.#tokens.set(repository, shown);
    }
  }

  #again(shown: ShownText, vertex: string, transfer: Transfer): void {
    const name = this.#steps.get(vertex);
    if (name !== undefined) this.#saw(shown, name, transfer);
  }

  #saw(shown: ShownText, written: string, transfer: Transfer): void {
    this.#table.saw({ layer: "job", tool: "buildkit", written, transfer, shown });
  }
}
