import { existsSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";

import { parseMirror } from "../../bot/files/mirror.ts";
import { createPlan } from "../../bot/plan/plan.ts";
import { createMemoryFiles } from "../../bot/plan/repository.ts";
import { ANCHOR_CASES } from "../bot/files/matrix-anchors.ts";
import { type MatrixCase, MIRROR_URL } from "../bot/files/matrix-case.ts";
import { CI_CASES } from "../bot/files/matrix-ci.ts";
import { DAEMON_CASES } from "../bot/files/matrix-daemon.ts";
import { PULL_CASES } from "../bot/files/matrix-pulls.ts";
import { SERVICE_CASES } from "../bot/files/matrix-services.ts";
import {
  CAN_RUN_DOCKERD,
  type Daemon,
  type DindService,
  docker,
  loadDindImage,
  readDindMirrors,
  startDockerd,
} from "./edit-daemon.ts";

const mirror = parseMirror(MIRROR_URL)!;

interface DaemonFile {
  readonly id: string;
  readonly source: string;
  readonly options?: MatrixCase["options"];
}

/** The matrix rows, and the collection of real files where it is present. */
function listDaemonFiles(): readonly DaemonFile[] {
  const root = fileURLToPath(new URL("../../../shared/corpus/daemon/", import.meta.url));
  const real = existsSync(root) ? readdirSync(root) : [];
  return [
    ...DAEMON_CASES.filter((row) => row.after !== undefined).map(({ id, before, options }) => ({
      id,
      source: before,
      options,
    })),
    ...real.map((name) => ({ id: name, source: readFileSync(root + name, "utf8") })),
  ];
}

/** Every dind service that the editor has written, each command once. */
function listDindServices(): readonly DindService[] {
  const rows = [...SERVICE_CASES, ...ANCHOR_CASES, ...CI_CASES, ...PULL_CASES];
  const found = new Map<string, DindService>();
  for (const { after, path } of rows) {
    if (after === undefined || (path ?? ".yml").endsWith(".toml")) continue;
    const documents = parseAllDocuments(after, { merge: true, logLevel: "silent" });
    for (const document of Array.isArray(documents) ? documents : [])
      collect(document.toJS(), found);
  }
  return [...found.values()];
}

function collect(value: unknown, found: Map<string, DindService>): void {
  if (typeof value !== "object" || value === null) return;
  const { command, entrypoint } = value as { command?: string[]; entrypoint?: string[] };
  if (Array.isArray(command) && command.join(" ").includes(MIRROR_URL)) {
    found.set(JSON.stringify([entrypoint, command]), { entrypoint: entrypoint ?? null, command });
  }
  for (const item of Object.values(value)) collect(item, found);
}

describe.skipIf(!CAN_RUN_DOCKERD)("a real dockerd (skipped where there is none)", () => {
  it.each(listDaemonFiles())(
    "starts with the edited file wherever it started before: $id",
    async ({ source, options, id }) => {
      const plan = await createPlan(createMemoryFiles({ "daemon.json": source }), {
        mirror,
        ...options,
      });
      const after = plan.files[0]?.after;
      // Not edited: nothing to try. A mark is refused by this version before and after.
      if (after === undefined || source.startsWith("\uFEFF")) return;
      const before = await startDockerd(source);
      if ("refusal" in before) {
        console.log(`${id}: refused before the edit as well: ${before.refusal}`);
        return;
      }
      await before.daemon.stop();
      const edited = await startDockerd(after);
      expect(edited).not.toHaveProperty("refusal");
      if ("refusal" in edited) return;
      const info = docker(edited.daemon, ["info", "--format", "{{json .RegistryConfig.Mirrors}}"]);
      await edited.daemon.stop();
      expect((JSON.parse(info.output) as string[])[0]).toBe(`${MIRROR_URL}/`);
    },
    300_000,
  );
});

describe.skipIf(!CAN_RUN_DOCKERD)("a real dind (skipped where there is no dockerd)", () => {
  let outer: Daemon | null = null;

  beforeAll(async () => {
    const started = await startDockerd("{}");
    if ("refusal" in started) throw new Error(started.refusal);
    outer = started.daemon;
    loadDindImage(outer);
  }, 300_000);

  afterAll(async () => {
    await outer?.stop();
  }, 30_000);

  it.each(listDindServices())(
    "starts with $entrypoint $command and has the mirror",
    async (service) => {
      expect(await readDindMirrors(outer!, service)).toContain(`"${MIRROR_URL}/"`);
    },
    300_000,
  );
});
