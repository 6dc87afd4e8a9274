import { parseArgs } from "node:util";
import { createOnboard, type OnboardPorts } from "../../bot/commands/onboard.ts";
import type { Setup } from "./gitlab-setup.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** The mirror of the tests. */
export const MIRROR = "https://mirror.example.dev";

/** What a run printed, and how it ended. */
export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run. */
export interface RunOptions extends OnboardPorts {
  readonly token?: string;
  readonly mirror?: string;
  /** Whether standard error is a terminal. */
  readonly terminal?: boolean;
}

/** Runs `tidepool onboard` in this process, as its command line would. */
export async function runOnboard(
  setup: Setup,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { token = setup.token.secret, mirror = MIRROR, terminal = false, ...ports } = options;
  const command = createOnboard({ clock: new VirtualClock(), ...ports });
  const args = parseArgs({ args: [...argv], options: command.options, allowPositionals: true });
  const written = { stdout: "", stderr: "" };
  const output = (name: "stdout" | "stderr") => ({
    colour: terminal && name === "stderr",
    write: (text: string) => {
      written[name] += text;
    },
  });
  const exitCode = await command.run(args, {
    env: { GITLAB_URL: setup.gitlab.url, GITLAB_TOKEN: token, TIDEPOOL_MIRROR: mirror },
    cwd: "/",
    stdout: output("stdout"),
    stderr: output("stderr"),
  });
  return { exitCode, ...written };
}

/** What a run says for machines. */
export interface JsonLine {
  readonly project: string;
  readonly status: string;
  readonly reason: string;
  readonly merge_request: string | null;
  readonly files: readonly { path: string; lines: number; diff?: string }[];
  readonly left: readonly { path: string; line: number; code: string; reason: string }[];
}

/** Runs with `--json`, and reads the lines by project. */
export async function runJson(
  setup: Setup,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RunResult & { readonly lines: ReadonlyMap<string, JsonLine> }> {
  const result = await runOnboard(setup, [...argv, "--json"], options);
  const lines = result.stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as JsonLine);
  return { ...result, lines: new Map(lines.map((line) => [line.project, line])) };
}

/** A CI file with a dind service. */
export const DIND_CI = `# how we build
stages: [build]

build:
  stage: build
  image: docker:24
  services:
    - docker:24-dind   # the daemon
  script:
    - docker build .
`;

/** A CI file without any. */
export const PLAIN_CI = `test:
  image: node:22
  script:
    - npm test
`;

/** A CI file that has the mirror. */
export const MIRRORED_CI = DIND_CI.replace(
  "- docker:24-dind   # the daemon",
  `- name: docker:24-dind   # the daemon\n      command: ["--registry-mirror=${MIRROR}"]`,
);
