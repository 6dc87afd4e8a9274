import { expect, it } from "vitest";

import { parseMirror } from "../../../bot/files/mirror.ts";
import { createPlan } from "../../../bot/plan/plan.ts";
import { createMemoryFiles } from "../../../bot/plan/repository.ts";

const SOURCE = `build:
  image: {name: gcr.io/kaniko-project/executor:debug, entrypoint: [""]}
  script: /kaniko/executor --context .
`;

// The host alone, as the mirror's own /setup has it. @see kaniko, pkg/image/remote/remote.go, `InsecureRegistries`
it.each([
  ["http://mirror.lan:5000", "mirror.lan:5000"],
  ["http://mirror.lan/t/abc", "mirror.lan"],
  ["https://mirror.example", null],
])("tells kaniko's flag for a mirror without TLS, and nothing with it: %s", async (url, host) => {
  const mirror = parseMirror(url)!;
  const { files } = await createPlan(createMemoryFiles({ ".gitlab-ci.yml": SOURCE }), { mirror });
  expect(files[0]?.edits).toHaveLength(1);
  expect(files[0]?.edits[0]?.note).toBe(
    host === null ? undefined : `kaniko wants --insecure-registry=${host} for a mirror without TLS`,
  );
});
