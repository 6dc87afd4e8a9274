import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A program that the Go module proxy has the source of, at one version: Go itself checks it against its sum database. */
interface GoProgram {
  readonly name: string;
  readonly path: string;
  readonly version: string;
}

/** The distribution specification's own suite. Its folder bears no tags: this is the newest commit of 2026-08-31. */
export const CONFORMANCE: GoProgram = {
  name: "conformance",
  path: "github.com/opencontainers/distribution-spec/conformance",
  version: "v0.0.0-20260831232431-97274622c111",
};
export const CRANE: GoProgram = {
  name: "crane",
  path: "github.com/google/go-containerregistry/cmd/crane",
  version: "v0.22.1",
};
export const REGCTL: GoProgram = {
  name: "regctl",
  path: "github.com/regclient/regclient/cmd/regctl",
  version: "v0.11.7",
};
export const ORAS: GoProgram = { name: "oras", path: "oras.land/oras/cmd/oras", version: "v1.3.6" };

/** Where Go's own installer puts it, which no login shell of a CI machine need have on its PATH. */
const GO = [...(process.env["PATH"] ?? "").split(":"), "/usr/local/go/bin"]
  .map((folder) => join(folder, "go"))
  .find(existsSync);
const CACHE = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
const INSTALL_MS = 5 * 60_000;

/**
 * Builds a program, once for each version and machine.
 *
 * @returns its path; `null` where Go or the module proxy is not to be had, which is then told
 */
export async function installGoProgram(program: GoProgram): Promise<string | null> {
  const { name, path, version } = program;
  const folder = join(CACHE, "tidepool-clients", `${name}@${version}`);
  const file = join(folder, name);
  if (existsSync(file)) return file;
  if (GO === undefined) return null;
  await mkdir(folder, { recursive: true });
  const env = { ...process.env, GOBIN: folder, GOFLAGS: "", GOTOOLCHAIN: "local" };
  try {
    await run(GO, ["install", `${path}@${version}`], { env, timeout: INSTALL_MS });
  } catch (error) {
    console.warn(`${name} could not be built`, error);
    return null;
  }
  return file;
}
