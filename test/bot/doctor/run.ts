import { afterEach } from "vitest";
import { doctor } from "../../../bot/commands/doctor.ts";
import type { Check } from "../../../bot/doctor/check.ts";
import { type RunResult, runCommand } from "../../helpers/run-command.ts";

/** What the doctor found, by check. */
export interface Diagnosis extends RunResult {
  readonly ok: boolean;
  readonly mirror: string;
  readonly checks: Readonly<Record<string, Check>>;
}

/** Runs `tidepool doctor --json` on a mirror, with short patience. */
export async function diagnose(
  mirror: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Diagnosis> {
  const given = ["--mirror", mirror, "--json", "--timeout", "5", ...args];
  const result = await runCommand(doctor, given, env);
  const told = JSON.parse(result.stdout) as { mirror: string; ok: boolean; checks: Check[] };
  const checks = Object.fromEntries(told.checks.map((check) => [check.id, check]));
  return { ...result, ok: told.ok, mirror: told.mirror, checks };
}

/** Each check's status, in order. */
export function statuses({ checks }: Diagnosis): Record<string, string> {
  return Object.fromEntries(Object.values(checks).map(({ id, status }) => [id, status]));
}

const closers: (() => Promise<void>)[] = [];

/** Ends it after the test. */
export function closing(close: () => Promise<void>): void {
  closers.push(close);
}

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});
