import { parseImageReference } from "../../worker/oci/reference.ts";
import { requireMirror } from "../config.ts";
import type { Check } from "../doctor/check.ts";
import { examine } from "../doctor/examine.ts";
import { createRedact } from "../doctor/redact.ts";
import { createTarget } from "../doctor/target.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { renderCheck, renderDoctorSum } from "../render/doctor-text.ts";
import {
  type Command,
  type CommandArguments,
  type CommandContext,
  type ExitCode,
  isFlagSet,
  textFlag,
} from "./command.ts";

const HELP = `tidepool doctor: does this mirror work, seen from here?

Usage: tidepool doctor --mirror URL [options]

Looks at a deployment from outside: whether it can be reached and trusted (certificate), speaks the registry API, lets in
who has the secret and nobody else, and serves an image with the right digests; then what is left of Docker Hub's limit,
the mirror's clock and version. Says for each what to do. It pulls one small image, which counts as one pull at Docker
Hub where the mirror does not hold it yet.

Any registry that mirrors Docker Hub will do; what only Tidepool tells is "unknown" there.

  --mirror URL       the mirror (or TIDEPOOL_MIRROR), with the secret in its path or host where clients have it there
  --image IMAGE      what to pull (default: hello-world)
  --timeout SECONDS  how long one answer may take, 1 to 600 (default: 30)
  --json             print the findings as JSON

Environment: TIDEPOOL_MIRROR; TIDEPOOL_SECRET (the secret of a token: rule, where the URL does not hold it);
TIDEPOOL_TOKEN (the mirror's ADMIN_TOKEN); NODE_EXTRA_CA_CERTS (a file with the certificate of a private issuer)
Exit codes: 0 the mirror works, 1 something failed, 2 wrong use or configuration

Example:
  tidepool doctor --mirror https://mirror.example.com
`;

const text = { type: "string" } as const;

/** `tidepool doctor`. */
export const doctor: Command = {
  help: HELP,
  maxPositionals: 0,
  options: { mirror: text, image: text, timeout: text, json: { type: "boolean" } },
  run,
};

async function run(args: CommandArguments, { env, stdout }: CommandContext): Promise<ExitCode> {
  const mirror = requireMirror(textFlag(args, "mirror"), env);
  const image = parseImageReference(textFlag(args, "image") ?? "hello-world");
  if (image === null)
    throw new UsageError("--image must be an image such as alpine:3 or ghcr.io/owner/image:1");
  const secret = readSecret(env["TIDEPOOL_SECRET"]);
  const token = env["TIDEPOOL_TOKEN"] || null;
  const timeoutMs = readTimeoutMs(textFlag(args, "timeout"));
  const target = createTarget(mirror, { secret, image });
  const redact = createRedact([target.secret, secret, token]);

  const isJson = isFlagSet(args, "json");
  const name = redact(mirror.url);
  if (!isJson) stdout.write(`${name}\n`);
  const checks: Check[] = [];
  for await (const found of examine(target, { timeoutMs, token })) {
    const check = clean(found, redact);
    checks.push(check);
    // As they come: a slow mirror is watched, not waited for.
    if (!isJson) stdout.write(renderCheck(check));
  }
  const ok = checks.every(({ status }) => status !== "failed");
  if (isJson) stdout.write(`${JSON.stringify({ mirror: name, ok, checks }, null, 2)}\n`);
  else stdout.write(renderDoctorSum(checks));
  return ok ? 0 : 1;
}

function clean(check: Check, redact: (text: string) => string): Check {
  const { detail, advice } = check;
  return {
    ...check,
    detail: redact(detail),
    ...(advice === undefined ? {} : { advice: redact(advice) }),
  };
}

/** What could stand in a path and a host name; anything else is no secret of a `token:` rule. */
function readSecret(value: string | undefined): string | null {
  if (value === undefined || value === "") return null;
  if (!/^[a-z0-9]+$/.test(value))
    throw new ConfigError(
      "TIDEPOOL_SECRET",
      "TIDEPOOL_SECRET must be lower-case letters and digits, as in ACCESS_TOKENS",
    );
  return value;
}

function readTimeoutMs(value = "30"): number {
  const seconds = /^\d{1,3}$/.test(value) ? Number(value) : 0;
  if (seconds < 1 || seconds > 600)
    throw new UsageError("--timeout must be whole seconds from 1 to 600");
  return seconds * 1000;
}
