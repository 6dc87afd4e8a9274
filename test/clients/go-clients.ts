import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { CRANE, ORAS, REGCTL, installGoProgram } from "./go-programs.ts";

const run = promisify(execFile);

/** A client that copies an image into an OCI image layout. */
export interface GoClient {
  readonly name: string;
  /** `null` where it could not be built. */
  readonly program: string | null;
  /** Pulls `library/<image>:1` from a host that speaks plain HTTP. */
  pull(host: string, image: string, layout: string): Promise<unknown>;
}

function createClient(
  name: string,
  program: string | null,
  args: (reference: string, host: string, layout: string) => readonly string[],
): GoClient {
  const pull = (host: string, image: string, layout: string): Promise<unknown> =>
    run(program ?? "", [...args(`${host}/library/${image}:1`, host, layout)]);
  return { name, program, pull };
}

/** crane, regctl and oras, at the versions of `go-programs.ts`. */
export const GO_CLIENTS: readonly GoClient[] = [
  createClient("crane", await installGoProgram(CRANE), (reference, _host, layout) => [
    "pull",
    "--insecure",
    "--format=oci",
    reference,
    layout,
  ]),
  createClient("regctl", await installGoProgram(REGCTL), (reference, host, layout) => [
    "image",
    "copy",
    "--host",
    `reg=${host},tls=disabled`,
    reference,
    `ocidir://${layout}:1`,
  ]),
  createClient("oras", await installGoProgram(ORAS), (reference, _host, layout) => [
    "copy",
    "--from-plain-http",
    reference,
    "--to-oci-layout",
    `${layout}:1`,
  ]),
];
