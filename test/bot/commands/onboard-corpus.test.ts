import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { parseMarker } from "../../../bot/render/marker.ts";
import { startGitLab, type Setup } from "../../helpers/gitlab-setup.ts";
import { runJson } from "../../helpers/onboard.ts";

/** CI files of public projects; they lie beside the repository where it is worked on, and nowhere else. */
const CORPUS = new URL("../../../../shared/corpus/ci/", import.meta.url);
const isHere = existsSync(CORPUS);
if (!isHere) console.warn("skipped: no corpus of CI files beside the repository");

let setup: Setup;

beforeEach(async () => {
  setup = await startGitLab();
});

afterEach(async () => {
  expect(setup.gitlab.complaints).toEqual([]);
  await setup.gitlab.stop();
});

it.skipIf(!isHere)(
  "onboards the CI files of public projects, and a second run writes nothing",
  { timeout: 120_000 },
  async () => {
    for (const name of readdirSync(CORPUS)) {
      const files = { ".gitlab-ci.yml": readFileSync(new URL(name, CORPUS)) };
      // What else such a file includes is not there, and GitLab would refuse it: the linter is not on trial here.
      setup.gitlab.world.addProject(`acme/${name}`, { files, lintErrors: [] });
    }
    const flags = ["--group", "acme", "--limit", "1000", "--group-limit", "1000"];
    const first = await runJson(setup, flags);
    const failed = [...first.lines.values()].filter(({ status }) => status === "failed");
    expect(failed).toEqual([]);
    const opened = setup.gitlab.world.projects.flatMap(({ mergeRequests }) => mergeRequests);
    console.log(`${first.lines.size} CI files, ${opened.length} merge requests`);
    for (const merge of opened) expect(parseMarker(merge.description)?.head).toBe(merge.sha);
    expect(setup.gitlab.world.textEvents).toEqual([]);
    setup.gitlab.log.length = 0;
    await runJson(setup, flags);
    expect(setup.gitlab.lines(setup.gitlab.writes())).toEqual([]);
  },
);
