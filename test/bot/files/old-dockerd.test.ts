import { describe, expect, it } from "vitest";

import { parseMirror } from "../../../bot/files/mirror.ts";
import { createPlan, needsPerson } from "../../../bot/plan/plan.ts";
import { lintRepository } from "../../../bot/plan/lint.ts";
import { createMemoryFiles } from "../../../bot/plan/repository.ts";

const mirror = parseMirror("https://mirror.example.dev/t/abc123")!;
const REASON =
  "dockerd of version 24 refuses a mirror URL with a path and does not start: take a dind image of version 25 or later, or a mirror at the root of a host";

function plan(path: string, source: string, mergedYaml?: string) {
  return createPlan(createMemoryFiles({ [path]: source }), { mirror, mergedYaml });
}

describe("a mirror URL with a path, and a daemon that would not start with it", () => {
  it.each(["docker:24-dind", "docker:24.0.9-dind-rootless", "reg.example/dind:24", "docker:$V"])(
    "leaves %s for a person, with line and reason",
    async (name) => {
      const source = `variables: {V: 24-dind}\nservices:\n  - ${name}\n`;
      const found = await plan(".gitlab-ci.yml", source);
      expect(found.files).toEqual([]);
      expect(found.left).toEqual([
        {
          verdict: "leave",
          line: 3,
          code: "old-dockerd",
          reason: `${name}: ${REASON}`,
          attention: true,
          path: ".gitlab-ci.yml",
          kind: "gitlab-ci",
        },
      ]);
    },
  );

  it("does not call it done where lint sees a fatal error", async () => {
    const source = `services:\n  - name: docker:24-dind\n    command: ["--registry-mirror=${mirror.url}"]\n`;
    const found = await plan(".gitlab-ci.yml", source);
    expect(found.left).toMatchObject([{ code: "old-dockerd", line: 2 }]);
    expect(needsPerson(found)).toBe(true);
    const lint = await lintRepository(createMemoryFiles({ ".gitlab-ci.yml": source }), { mirror });
    expect(lint).toMatchObject([{ rule: "mirror-url-path", severity: "error" }]);
  });

  it("leaves it in a runner's configuration", async () => {
    const source = '[[runners]]\n[[runners.docker.services]]\nname = "docker:24-dind"\n';
    const found = await plan("config.toml", source);
    expect(found.files).toEqual([]);
    expect(found.left).toMatchObject([
      { verdict: "leave", line: 2, code: "old-dockerd", reason: `docker:24-dind: ${REASON}` },
    ]);
    expect(found.left[0]).not.toHaveProperty("snippet");
  });

  it("leaves it where it comes in from elsewhere", async () => {
    const source = "include: {remote: https://x.example/a.yml}\n";
    const found = await plan(".gitlab-ci.yml", source, "a:\n  services: [docker:24-dind]\n");
    expect(found.files).toEqual([]);
    expect(found.left).toMatchObject([
      { code: "foreign-dind", reason: `a: docker:24-dind comes from elsewhere: ${REASON}` },
    ]);
  });

  it.each([
    ["docker:25-dind", undefined],
    ["docker:dind", "dockerd before version 25 refuses a mirror URL with a path"],
  ])("edits %s, with a note where the version is not known", async (name, note) => {
    const { files } = await plan(".gitlab-ci.yml", `services:\n  - ${name}\n`);
    expect(files[0]?.edits[0]?.note).toBe(note);
  });
});
