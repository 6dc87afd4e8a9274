import { describe, expect, it } from "vitest";

import { parseMirror } from "../../../bot/files/mirror.ts";
import { createPlan } from "../../../bot/plan/plan.ts";
import { createMemoryFiles } from "../../../bot/plan/repository.ts";
import { FLAG, text } from "./matrix-case.ts";

const mirror = parseMirror("https://mirror.example.dev")!;

async function plan(source: string) {
  const { files, left } = await createPlan(createMemoryFiles({ ".gitlab-ci.yml": source }), {
    mirror,
  });
  return { after: files[0]?.after ?? source, left };
}

function service(lines: string): string {
  return `build:\n  services:\n    - name: docker:24-dind\n      ${lines}\n`;
}

describe("a daemon that is left, with its line and a reason that says what it is", () => {
  it.each([
    ["command: --mtu=1400", "no-list", "GitLab wants a list as command, and this is a text"],
    ["entrypoint: sh", "no-list", "GitLab wants a list as entrypoint, and this is a text"],
    ["command: !reference [.x]", "no-plain-list", "its command is no plain list of texts"],
    ["entrypoint: !reference [.x]", "no-plain-list", "its entrypoint is no plain list of texts"],
    ["command: [[--mtu=1400]]", "no-plain-list", "its command is no plain list of texts"],
    ["entrypoint: {a: b}", "no-plain-list", "its entrypoint is no plain list of texts"],
    [
      "entrypoint: sh\n      command: !reference [.x]",
      "no-plain-list",
      "its command is no plain list of texts",
    ],
    [
      "entrypoint: !reference [.x]\n      command: sh",
      "no-list",
      "GitLab wants a list as command, and this is a text",
    ],
  ])("%j", async (lines, code, reason) => {
    const { after, left } = await plan(service(lines));
    expect(after).toBe(service(lines));
    expect(left).toMatchObject([
      {
        code,
        line: 3,
        verdict: code === "no-list" ? "leave" : "suggest",
        reason: `docker:24-dind: ${reason}`,
        snippet: "--registry-mirror=https://mirror.example.dev",
        attention: true,
      },
    ]);
  });

  it("has the mirror already: nobody has to look", async () => {
    const source = service(`command: [${FLAG}]`);
    const { after, left } = await plan(source);
    expect(after).toBe(source);
    expect(left).toMatchObject([
      {
        code: "already-mirrored",
        verdict: "leave",
        line: 3,
        reason: "docker:24-dind has this mirror already",
        attention: false,
      },
    ]);
  });

  it("shares its map with a service that is no daemon", async () => {
    const source = text`
      .dind: &dind
        name: docker:dind
      a:
        services:
          - <<: *dind
            alias: one
          - <<: *dind
            name: redis:7
    `;
    const { after, left } = await plan(source);
    expect(after).toBe(source);
    expect(left).toMatchObject([
      { code: "shared-command", line: 5, reason: expect.stringContaining("its map is shared") },
    ]);
  });

  it("has a map of its own, whatever else is shared", async () => {
    const { after, left } = await plan(text`
      .alias: &alias
        alias: docker
      a:
        services:
          - name: docker:dind
            <<: *alias
          - <<: *alias
            name: redis:7
    `);
    expect(left).toEqual([]);
    expect(after).toContain(`- name: docker:dind\n      command: [${FLAG}]\n      <<: *alias`);
  });
});
