import { describe, expect, it } from "vitest";

import { parseMirror } from "../../../bot/files/mirror.ts";
import { createPlan } from "../../../bot/plan/plan.ts";
import { createMemoryFiles } from "../../../bot/plan/repository.ts";
import { MIRROR_URL, type MatrixCase } from "./matrix-case.ts";
import { ANCHOR_CASES } from "./matrix-anchors.ts";
import { CI_CASES } from "./matrix-ci.ts";
import { DAEMON_CASES } from "./matrix-daemon.ts";
import { PULL_CASES } from "./matrix-pulls.ts";
import { RUNNER_CASES } from "./matrix-runner.ts";
import { SERVICE_CASES } from "./matrix-services.ts";

const mirror = parseMirror(MIRROR_URL)!;

function planCase(row: MatrixCase, source: string): ReturnType<typeof createPlan> {
  const path = row.path ?? ".gitlab-ci.yml";
  const files = createMemoryFiles({ ...row.others, [path]: source });
  return createPlan(files, { mirror, ...row.options });
}

const ROWS = [
  ...SERVICE_CASES,
  ...ANCHOR_CASES,
  ...CI_CASES,
  ...PULL_CASES,
  ...DAEMON_CASES,
  ...RUNNER_CASES,
];

describe.each(ROWS)("$id", (row) => {
  it("comes out byte for byte", async () => {
    const plan = await planCase(row, row.before);
    expect(plan.files.map(({ after }) => after)).toEqual(
      row.after === undefined ? [] : [row.after],
    );
    expect(plan.left.map(({ code }) => code)).toEqual(row.left ?? []);
    const edits = plan.files.flatMap((file) => file.edits);
    if (row.purpose !== undefined)
      expect(edits.map(({ purpose }) => purpose)).toContain(row.purpose);
    if (row.note !== undefined)
      expect(edits.map(({ note }) => note ?? "").join()).toMatch(row.note);
  });

  it("has nothing left to do on its own output", async () => {
    const again = await planCase(row, row.after ?? row.before);
    expect(again.files).toEqual([]);
  });
});

it("covers every row of the matrix", () => {
  const covered = new Set(ROWS.map(({ id }) => /^E\d+/.exec(id)?.[0]));
  const missing = Array.from({ length: 48 }, (_, number) => `E${number + 1}`).filter(
    (id) => !covered.has(id),
  );
  expect(missing).toEqual([]);
});
