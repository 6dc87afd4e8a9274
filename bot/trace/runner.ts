import { type Digest, parseDigest } from "../../worker/oci/digest.ts";
import type { ShownText } from "./display.ts";
import type { ImageTable } from "./image-table.ts";
import type { Transfer } from "./trace.ts";

/** @see gitlab-runner 19.4, executors/docker/{docker,services}.go and internal/pull/manager.go */
const EXECUTOR = /^Using (Docker|Kubernetes) executor with image (\S+) \.\.\.$/;
const SERVICE = /^Starting service (\S+?) ?\.{2,3}$/;
const PULLING = /^Pulling docker image (\S+)(?: for platform \S+)? \.\.\.$/;
const USING =
  /^Using docker image (?:sha256:)?[0-9a-f]{12,64} for (\S+?)(?: with digest (\S+?))? ?\.\.\.$/;
const LOCAL = /^Using locally found image version due to "[\w-]+" pull policy/;
const FAILED = /(?:^|\s)[Ff]ailed to pull image "([^"\s]+)"/;

/** The kubelet's events, printed with `FF_PRINT_POD_EVENTS`. */
const KUBELET_PULLED = /Successfully pulled image "([^"\s]+)"/;
const KUBELET_PULLING = /(?:^|\s)[Pp]ulling image "([^"\s]+)"/;
const KUBELET_PRESENT = /Container image "([^"\s]+)" already present on machine/;

/** Reads what the runner itself says: `image:`, services, its helper, and the kubelet's part. */
export class RunnerWords {
  readonly #table: ImageTable;
  /** Set between "Using locally found image" and the result line it belongs to: the former names no image. */
  #local = false;
  #tool: "runner" | "kubernetes" = "runner";

  constructor(table: ImageTable) {
    this.#table = table;
  }

  read(shown: ShownText): void {
    const { text } = shown;
    const executor = EXECUTOR.exec(text);
    if (executor !== null) {
      this.#tool = executor[1] === "Kubernetes" ? "kubernetes" : "runner";
      this.#saw(shown, executor[2], { transfer: "named" });
      return;
    }
    const pulling = PULLING.exec(text);
    if (pulling !== null) {
      this.#local = false;
      this.#saw(shown, pulling[1], { transfer: "asked" });
      return;
    }
    if (LOCAL.test(text)) this.#local = true;
    else if (text.startsWith("Using docker image ")) this.#result(shown);
    else this.#rest(shown);
  }

  #result(shown: ShownText): void {
    const using = USING.exec(shown.text);
    if (using === null) return;
    const at = using[2]?.indexOf("@") ?? -1;
    const digest = at < 0 ? null : parseDigest(using[2]?.slice(at + 1) ?? "");
    this.#saw(shown, using[1], { transfer: this.#local ? "local" : "named", digest });
    this.#local = false;
  }

  #rest(shown: ShownText): void {
    const { text } = shown;
    this.#saw(shown, SERVICE.exec(text)?.[1], { transfer: "named" });
    this.#saw(shown, FAILED.exec(text)?.[1], { transfer: "failed" });
    this.#saw(shown, KUBELET_PULLED.exec(text)?.[1], { transfer: "downloaded" });
    this.#saw(shown, KUBELET_PULLING.exec(text)?.[1], { transfer: "asked" });
    this.#saw(shown, KUBELET_PRESENT.exec(text)?.[1], { transfer: "local" });
  }

  #saw(
    shown: ShownText,
    written: string | undefined,
    what: {
      readonly transfer: Transfer;
      readonly digest?: Digest | null;
    },
  ): void {
    if (written === undefined) return;
    this.#table.saw({ layer: "runner", tool: this.#tool, ...what, written, shown });
  }
}
