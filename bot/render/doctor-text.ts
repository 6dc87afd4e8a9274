import type { Check } from "../doctor/check.ts";

const WORDS: Readonly<Record<Check["status"], string>> = {
  ok: "ok",
  warning: "warning",
  failed: "FAILED",
  unknown: "unknown",
};

/** One check as a line, and what to do about it as another. */
export function renderCheck({ id, status, detail, advice }: Check): string {
  const line = `  ${WORDS[status].padEnd(7)}  ${id.padEnd(7)}  ${detail}\n`;
  return advice === undefined ? line : `${line}${" ".repeat(20)}${advice}\n`;
}

/** What it all comes to, in one line. */
export function renderDoctorSum(checks: readonly Check[]): string {
  const count = (status: Check["status"]): number =>
    checks.filter((check) => check.status === status).length;
  const [failed, warnings, unknown] = [count("failed"), count("warning"), count("unknown")];
  const rest = [
    ...(warnings > 0 ? [`${warnings} to look at`] : []),
    ...(unknown > 0 ? [`${unknown} not known`] : []),
  ];
  const head = failed > 0 ? `${failed} failed` : "the mirror works";
  return `${[head, ...rest].join(", ")}\n`;
}
