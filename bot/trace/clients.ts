import { isDockerHub } from "../../worker/oci/reference.ts";
import type { ShownText } from "./display.ts";
import type { ImageTable } from "./image-table.ts";

/** @see kaniko, pkg/image/remote/remote.go: 1.9 says "registry mirror", 1.20 and later "mapped registry" */
const KANIKO_WANTED = /^Retrieving image manifest (?<name>[^\s"]+)$/;
const KANIKO_ASKED =
  /^Retrieving image (?<name>[^\s"]+) from (?<other>registry mirror |mapped registry )?(?:registry )?(?<host>[^\s"]+)$/;
/**
 * logrus' text, plain text and JSON formats. Anchored: a report that quotes such a line, ours for one, is no pull.
 */
const KANIKO_LINE =
  /^(?:INFO\[\d+\] |\[INFO\] |time="[^"]*" level=info msg="|\{.{0,100}"msg":")(?<message>[^"]*)/;

/** @see containers/image, as podman 4.3, buildah 1.28 and later print it */
const PODMAN_TRYING = /^Trying to pull (?<name>\S+?)\.\.\.$/;
const PODMAN_FOUND = /^Getting image source signatures$/;
const PODMAN_BLOB = /^Copying blob (?:sha256:)?[0-9a-f]{12,64}(?<rest>.*)$/;

/** Reads kaniko's log lines, in any of its log formats. */
export class KanikoWords {
  readonly #table: ImageTable;

  constructor(table: ImageTable) {
    this.#table = table;
  }

  read(shown: ShownText): void {
    const message = KANIKO_LINE.exec(shown.text)?.groups?.["message"]?.trimEnd() ?? "";
    const wanted = KANIKO_WANTED.exec(message)?.groups?.["name"];
    if (wanted !== undefined) {
      this.#table.saw({ ...KANIKO, written: wanted, transfer: "named", shown });
      return;
    }
    const asked = KANIKO_ASKED.exec(message)?.groups;
    if (asked === undefined) return;
    const { name = "", host = "", other } = asked;
    if (other === undefined && isDockerHub(host)) {
      const bypass = { bypass: true, transfer: "downloaded" } as const;
      this.#table.saw({ ...KANIKO, ...bypass, written: name, shown });
      return;
    }
    // The name is written with the mirror's host, or a prefix on it, in front: the image is still Docker Hub's.
    const written =
      other === undefined ? name : name.slice(name.startsWith(`${host}/`) ? host.length + 1 : 0);
    this.#table.saw({ ...KANIKO, written, via: host, transfer: "asked", shown });
  }
}

const KANIKO = { layer: "job", tool: "kaniko" } as const;

/** Reads what podman, buildah and skopeo print while they pull. */
export class PodmanWords {
  readonly #table: ImageTable;
  #trying: { readonly name: string; readonly shown: ShownText; found: boolean } | null = null;

  constructor(table: ImageTable) {
    this.#table = table;
  }

  read(shown: ShownText): void {
    const trying = PODMAN_TRYING.exec(shown.text)?.groups?.["name"];
    if (trying !== undefined) {
      this.end();
      this.#trying = { name: trying, shown, found: false };
      this.#table.saw({ ...PODMAN, written: trying, transfer: "named", shown });
      return;
    }
    const current = this.#trying;
    if (current === null) return;
    if (PODMAN_FOUND.test(shown.text)) {
      current.found = true;
      this.#table.saw({ ...PODMAN, written: current.name, transfer: "asked", shown });
      return;
    }
    const blob = PODMAN_BLOB.exec(shown.text)?.groups;
    if (blob === undefined || !current.found || blob["rest"]?.includes("already exists") === true)
      return;
    this.#table.saw({ ...PODMAN, written: current.name, transfer: "downloaded", shown });
  }

  /** A short name is tried at one registry after another: what never began to copy was not had there. */
  end(): void {
    const current = this.#trying;
    this.#trying = null;
    if (current === null || current.found) return;
    const { name, shown } = current;
    this.#table.saw({ ...PODMAN, written: name, transfer: "failed", shown });
  }
}

const PODMAN = { layer: "job", tool: "podman" } as const;
