import { withoutSecret } from "../files/mirror.ts";
import { mendFor } from "../verify/mend.ts";
import type { JobLog, JudgedImage } from "../verify/verdict.ts";
import { REASON_WORDS, VERDICT_WORDS, familiarName, proofOf } from "./verdict-words.ts";
import type { Verification } from "../verify/verification.ts";

/**
 * Renders a JUnit report: a job is a suite, an image a case, and a bypass a failure with the line that proves it.
 *
 * What nobody here can judge or mend is skipped, not failed: GitLab then says how often an image kept bypassing.
 *
 * @see GitLab, doc/ci/testing/unit_test_reports.md
 */
export function renderJunit({ images, mirror }: Verification): string {
  const byJob = Map.groupBy(images, ({ job }) => job);
  const suites = [...byJob].map(([job, own]) => suite(job, own, withoutSecret(mirror)));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="tidepool verify" ${totals(images)}>`,
    ...suites,
    "</testsuites>",
    "",
  ].join("\n");
}

function suite(
  job: JobLog,
  images: readonly JudgedImage[],
  mirror: Verification["mirror"],
): string {
  const cases = images.map((one) => testCase(one, mirror));
  return [
    `  <testsuite name="${xml(job.name)}" ${totals(images)}>`,
    ...cases,
    "  </testsuite>",
  ].join("\n");
}

function testCase(one: JudgedImage, mirror: Verification["mirror"]): string {
  const name = xml(`${familiarName(one)} (${one.image.tool})`);
  const open = `    <testcase classname="${xml(`${one.job.project}.${one.job.name}`)}" name="${name}"`;
  const said = `${VERDICT_WORDS[one.verdict].count}: ${REASON_WORDS[one.reason]}`;
  if (isSkipped(one)) return `${open}><skipped message="${xml(said)}"/></testcase>`;
  if (one.verdict !== "bypassed") return `${open}/>`;
  const mend = mendFor(one, mirror);
  const proof = proofOf(one);
  const lines = [
    proof === undefined ? "" : `${one.job.url}#L${proof.anchor}\n${proof.text}`,
    mend === null ? "" : `\n${mend.where}\n${mend.code}`,
  ];
  return `${open}><failure message="${xml(said)}">${xml(lines.join("\n"))}</failure></testcase>`;
}

function isSkipped({ verdict }: JudgedImage): boolean {
  return ["unknown", "failed", "runner", "out-of-scope"].includes(verdict);
}

function totals(images: readonly JudgedImage[]): string {
  const failures = images.filter(({ verdict }) => verdict === "bypassed").length;
  const skipped = images.filter(isSkipped).length;
  return `tests="${images.length}" failures="${failures}" skipped="${skipped}" errors="0"`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Escapes, and drops what XML 1.0 has no way to write. */
function xml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
}
