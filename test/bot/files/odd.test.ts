import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";

import { parseMirror } from "../../../bot/files/mirror.ts";
import { createPlan } from "../../../bot/plan/plan.ts";
import { createMemoryFiles } from "../../../bot/plan/repository.ts";
import { FLAG, text } from "./matrix-case.ts";
import { type Json, mirrored } from "./mirrored.ts";

const mirror = parseMirror("https://mirror.example.dev")!;

async function edit(source: string): Promise<{ after: string; left: readonly string[] }> {
  const plan = await createPlan(createMemoryFiles({ ".gitlab-ci.yml": source }), { mirror });
  return { after: plan.files[0]?.after ?? source, left: plan.left.map(({ code }) => code) };
}

function resolved(source: string): Json[] {
  const documents = parseAllDocuments(source, { merge: true, uniqueKeys: false });
  return (Array.isArray(documents) ? documents : []).map(
    (document) => document.toJS({ maxAliasCount: -1 }) as Json,
  );
}

const BASE = text`
  .base: &base
    tags: [a]
  services:
    - docker:24-dind
  job:
    <<: *base
    services:
      - name: docker:23-dind
        alias: docker
        command:
          - --mtu=1400
          - --tls=false
      - redis:7
      - { name: docker:22-dind, command: ["--experimental"] }
    script:
      - docker build .
`;

describe("comments", () => {
  const lines = BASE.trimEnd().split("\n");
  const expected = resolved(BASE).map((data) => mirrored(data, FLAG.slice(1, -1)));

  it.each(lines.map((_, number) => number))(
    "may stand on a line of their own, before line %i",
    async (number) => {
      for (const comment of ["# c", "        # - docker:dind", "", "\t"]) {
        const source = lines.toSpliced(number, 0, comment).join("\n");
        const { after } = await edit(source);
        expect(resolved(after)).toEqual(expected);
        expect(after.split("\n")).toContain(comment);
      }
    },
  );

  it.each(lines.map((_, number) => number))("may end a line: line %i", async (number) => {
    const source = lines.with(number, `${lines[number]}  # "c": [x]`).join("\n");
    const { after } = await edit(source);
    expect(resolved(after)).toEqual(expected);
    expect(after.split('  # "c": [x]')).toHaveLength(2);
  });
});

describe("odd files", () => {
  it("may use more than a hundred aliases", async () => {
    const users = Array.from(
      { length: 150 },
      (_, number) => `job ${number}:\n  <<: *base\n  services: *svc\n`,
    );
    const source = `.svc: &svc\n  - docker:dind\n.base: &base\n  stage: x\n${users.join("")}`;
    const { after } = await edit(source);
    expect(after).toBe(
      source.replace("- docker:dind", `- name: docker:dind\n    command: [${FLAG}]`),
    );
  });

  it("may have ten thousand lines", async () => {
    const jobs = Array.from(
      { length: 2000 },
      (_, number) => `job ${number}:\n  services:\n    - docker:dind\n  script:\n    - make\n`,
    );
    const { after } = await edit(jobs.join(""));
    expect(after.split(FLAG)).toHaveLength(2001);
  }, 30_000);

  it("may name a key twice: both are edited, so that neither comes back unmirrored", async () => {
    const { after } = await edit(
      "a:\n  services: [docker:dind]\n  services: [docker:24-dind]\na:\n  services: [docker:23-dind]\n",
    );
    expect(after.split(FLAG)).toHaveLength(4);
  });

  it("may take a service's map from a merge key", async () => {
    const { after, left } = await edit(text`
      .dind: &dind
        name: docker:dind
      a:
        services:
          - <<: *dind
            alias: one
          - *dind
      b:
        services:
          - <<: *dind
            command: [--mtu=1400]
    `);
    expect(after).toBe(text`
      .dind: &dind
        name: docker:dind
        command: [${FLAG}]
      a:
        services:
          - <<: *dind
            alias: one
          - *dind
      b:
        services:
          - <<: *dind
            command: [--mtu=1400, ${FLAG}]
    `);
    expect(left).toEqual([]);
  });

  it("may take a service's name from an alias of something else", async () => {
    const { after } = await edit(text`
      variables:
        IMAGE: &image docker:24-dind
      a:
        services:
          - *image
          - name: *image # n
        image: *image
    `);
    expect(after).toBe(text`
      variables:
        IMAGE: &image docker:24-dind
      a:
        services:
          - name: *image
            command: [${FLAG}]
          - name: *image # n
            command: [${FLAG}]
        image: *image
    `);
  });

  it("may share a command with a service that is no daemon: then it is left", async () => {
    const { after, left } = await edit(text`
      a:
        services:
          - name: docker:dind
            command: &flags [--debug]
          - name: other:1
            command: *flags
    `);
    expect(left).toEqual(["shared-command"]);
    expect(after).not.toContain(FLAG);
  });

  it.each([
    [
      "a tab behind the dash",
      "services:\n  -\tdocker:dind\n",
      `services:\n  -\t{ name: docker:dind, command: [${FLAG}] }\n`,
    ],
    [
      "the name below the dash",
      "services:\n  -\n    docker:dind\n",
      `services:\n  -\n    name: docker:dind\n    command: [${FLAG}]\n`,
    ],
    [
      "a trailing comma",
      "services: [docker:dind, ]\n",
      `services: [{ name: docker:dind, command: [${FLAG}] }, ]\n`,
    ],
    [
      "a closing bracket at the margin",
      "services: [\n    docker:dind\n]\n",
      `services: [\n    { name: docker:dind, command: [${FLAG}] }\n]\n`,
    ],
    [
      "an input in braces",
      'services: ["docker:$[[ inputs.v ]]-dind"]\n',
      `services: [{ name: "docker:$[[ inputs.v ]]-dind", command: [${FLAG}] }]\n`,
    ],
    [
      "an input behind an anchor",
      "services:\n  - &d docker:$[[ inputs.v ]]-dind\n",
      `services:\n  - &d { name: "docker:$[[ inputs.v ]]-dind", command: [${FLAG}] }\n`,
    ],
    [
      "an input in brackets, in single quotes",
      "services: ['docker:$[[ inputs.v ]]-dind']\n",
      `services: [{ name: 'docker:$[[ inputs.v ]]-dind', command: [${FLAG}] }]\n`,
    ],
    [
      "braces with a name alone",
      "services: [{name: docker:dind}]\n",
      `services: [{name: docker:dind, command: [${FLAG}]}]\n`,
    ],
    [
      "braces with much more, and a key without a value at the end",
      "services:\n  - { name: docker:dind, alias: docker, variables: {A: b}, entrypoint }\n",
      `services:\n  - { name: docker:dind, alias: docker, variables: {A: b}, entrypoint, command: [${FLAG}] }\n`,
    ],
    [
      "JSON",
      '{"services": ["docker:dind"]}',
      `{"services": [{ name: "docker:dind", command: [${FLAG}] }]}`,
    ],
    [
      "a command of null",
      "services:\n  - name: docker:dind\n    command: null\n",
      `services:\n  - name: docker:dind\n    command: [${FLAG}]\n`,
    ],
  ])("%s", async (_, before, expected) => {
    expect((await edit(before)).after).toBe(expected);
  });

  it.each([
    ["a name over several lines", "services:\n  - >-\n    docker:dind\n", "unusual-name"],
    ["a tagged name", "services:\n  - !!str docker:dind\n", "unusual-name"],
    [
      "a command that is a text",
      "services:\n  - name: docker:dind\n    command: --mtu=1400\n",
      "no-list",
    ],
    [
      "a command by reference",
      "services:\n  - name: docker:dind\n    command: !reference [.x]\n",
      "no-plain-list",
    ],
    [
      "a flag and value in one word",
      "services:\n  - name: docker:dind\n    command: [--registry-mirror x]\n",
      "broken-flag",
    ],
    [
      "a file of flags",
      "services:\n  - name: docker:dind\n    command: [--config-file=/x]\n",
      "config-file",
    ],
    [
      "a program nobody knows",
      "services:\n  - name: docker:dind\n    entrypoint: [/start]\n",
      "unknown-entrypoint",
    ],
    ["a name that looks like it", "services: [corp/dind-plus:1]\n", "similar-image"],
    ["brackets left of their key", "a:\n  services: [\n    docker:dind\n]\n", "unreadable"],
    ["an alias without anchor", "services: *nothing\n", "unreadable"],
  ])("leave, with the reason: %s", async (_, source, code) => {
    const { after, left } = await edit(source);
    expect(after).toBe(source);
    expect(left).toEqual([code]);
  });
});
