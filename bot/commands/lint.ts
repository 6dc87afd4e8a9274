import { createHash } from "node:crypto";
import { styleText } from "node:util";

import { readMirror } from "../config.ts";
import { UsageError } from "../errors.ts";
import type { Severity } from "../files/finding.ts";
import { createCheckout } from "../plan/checkout.ts";
import { type FoundAt, lintRepository } from "../plan/lint.ts";
import {
  type Command,
  type CommandArguments,
  type CommandContext,
  type ExitCode,
  oneLine,
  textFlag,
} from "./command.ts";
import { readDirectory, readLayers } from "./edit.ts";

const HELP = `tidepool lint: name the mirror mistakes that nobody sees

Usage: tidepool lint [dir] [options]

Reads CI files, daemon.json, buildkitd.toml and runner configurations of a checkout, and names what keeps a mirror
from being used or a daemon from starting. Asks no network and changes nothing.

Options:
  --mirror URL      also name what does not use this mirror (or TIDEPOOL_MIRROR)
  --format FORMAT   text, json or codequality, GitLab's report (default: text)
  --only LAYERS     of ci, daemon, runner; separated by commas (default: all)
  --ci-config PATH  the project's CI configuration file (default: .gitlab-ci.yml)

Exit codes: 0 nothing found, 1 something found, 2 wrong use

Example:
  tidepool lint . --format codequality > gl-code-quality-report.json
`;

/** `tidepool lint`. */
export const lint: Command = {
  help: HELP,
  maxPositionals: 1,
  options: {
    mirror: { type: "string" },
    format: { type: "string" },
    only: { type: "string", multiple: true },
    "ci-config": { type: "string" },
  },
  run,
};

type Format = (findings: readonly FoundAt[], colour: boolean) => string;

const FORMATS: Readonly<Record<string, Format>> = {
  text: formatText,
  json: (findings) => `${JSON.stringify(findings, null, 2)}\n`,
  codequality: formatCodeQuality,
};

async function run(args: CommandArguments, context: CommandContext): Promise<ExitCode> {
  const name = textFlag(args, "format") ?? "text";
  const format = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined;
  if (format === undefined) {
    throw new UsageError(`--format takes ${Object.keys(FORMATS).join(", ")}, not "${name}"`);
  }
  const findings = await lintRepository(createCheckout(await readDirectory(args, context)), {
    mirror: readMirror(textFlag(args, "mirror"), context.env),
    only: readLayers(args),
    ciConfigPath: textFlag(args, "ci-config"),
  });
  context.stdout.write(format(findings, context.stdout.colour));
  return findings.length > 0 ? 1 : 0;
}

const COLOURS = { error: "red", warning: "yellow", info: "blue" } as const;

function formatText(findings: readonly FoundAt[], colour: boolean): string {
  const lines = findings.map(({ path, line, severity, rule, message, mend }) => {
    const word = colour
      ? styleText(COLOURS[severity], severity, { validateStream: false })
      : severity;
    return `${oneLine(path)}:${line}: ${word} ${rule}\n  ${oneLine(message)}\n  ${mend}\n`;
  });
  const tail = findings.length === 0 ? "no mirror mistakes found\n" : `${findings.length} found\n`;
  return [...lines, tail].join("");
}

const CODE_QUALITY: Readonly<Record<Severity, string>> = {
  error: "major",
  warning: "minor",
  info: "info",
};

/** @see GitLab's documentation, "Code Quality", section "Code Quality report format" */
function formatCodeQuality(findings: readonly FoundAt[]): string {
  const seen = new Map<string, number>();
  const report = findings.map(({ path, line, severity, rule, message, mend }) => {
    // Not the line: a finding that moved is the same one. Equal findings of a file are told apart by their order.
    const identity = `${rule}\n${path}\n${message}`;
    const number = seen.get(identity) ?? 0;
    seen.set(identity, number + 1);
    return {
      description: `${message} ${mend}`,
      check_name: rule,
      fingerprint: createHash("sha256").update(`${identity}\n${number}`).digest("hex"),
      severity: CODE_QUALITY[severity],
      location: { path, lines: { begin: line } },
    };
  });
  return `${JSON.stringify(report, null, 2)}\n`;
}
