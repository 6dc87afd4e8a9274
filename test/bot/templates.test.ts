import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Command } from "../../bot/commands/command.ts";
import { lint } from "../../bot/commands/lint.ts";
import { onboard } from "../../bot/commands/onboard.ts";
import { report } from "../../bot/commands/report.ts";
import { verify } from "../../bot/commands/verify.ts";
import { must } from "./verify/world.ts";

const FOLDER = new URL("../../templates/", import.meta.url);
const COMMANDS: Readonly<Record<string, Command>> = { lint, onboard, report, verify };

interface Spec {
  readonly spec: {
    readonly inputs: Readonly<
      Record<string, { description?: string; default?: string | number | boolean; regex?: string }>
    >;
  };
}

interface Job {
  readonly image?: string;
  readonly extends?: string;
  readonly script?: readonly string[];
  readonly rules?: readonly { readonly if: string }[];
  readonly resource_group?: string;
}

/** A component is a file, or a folder with one and with what it runs. */
const names = readdirSync(FOLDER).map((name) =>
  name.endsWith(".yml") ? name : `${name}/template.yml`,
);

const files = names.map((name) => {
  const text = readFileSync(new URL(name, FOLDER), "utf8");
  const documents = parseAllDocuments(text);
  return {
    name,
    text,
    errors: documents.flatMap(({ errors }) => errors),
    inputs: must(documents[0]?.toJS() as Spec | undefined).spec.inputs,
    jobs: Object.values(must(documents[1]?.toJS() as Record<string, Job> | undefined)),
  };
});

describe.each(files)("templates/$name", ({ text, errors, inputs, jobs }) => {
  it("is two documents, a specification and jobs, without an error", () => {
    expect(errors).toEqual([]);
    expect(jobs.length).toBeGreaterThan(0);
  });

  it("describes every input, and uses every input it declares and no other", () => {
    const used = new Set(
      [...text.matchAll(/\$\[\[ inputs\.(\w+) \]\]/g)].map(([, name = ""]) => name),
    );
    expect([...used].toSorted()).toEqual(Object.keys(inputs).toSorted());
    for (const input of Object.values(inputs))
      expect(input.description?.length).toBeGreaterThan(10);
    for (const { regex, default: given } of Object.values(inputs))
      if (regex !== undefined && given !== undefined)
        expect(String(given)).toMatch(new RegExp(regex));
  });

  it("calls a command that there is, with flags it has, or a script that is there", () => {
    const script = jobs.flatMap((job) => job.script ?? []).join("\n");
    const scripts = [...script.matchAll(/sh "\$TIDEPOOL_RELEASE"\/templates\/(\S+)/g)];
    for (const [, path = ""] of scripts)
      expect(readFileSync(new URL(path, FOLDER), "utf8")).not.toBe("");
    const command = /bot\/cli\.ts (\w+)(.*)$/ms.exec(script);
    expect(scripts.length + (command === null ? 0 : 1)).toBeGreaterThan(0);
    if (command === null) return;
    const known = Object.keys(COMMANDS[command[1] ?? ""]?.options ?? {});
    const flags = [...script.matchAll(/ --([a-z][a-z-]*)/g)].map(([, name]) => name);
    expect(known.length).toBeGreaterThan(0);
    for (const flag of flags) expect(known).toContain(flag);
  });

  it("pins what it runs, and takes no part in a pipeline without what it needs", () => {
    expect(inputs["image"]?.default).toMatch(/^node:\d+\.\d+\.\d+/);
    expect(text).not.toMatch(/npx (?!--no-install)|~latest|:latest/);
    for (const { rules, script, extends: base } of jobs) {
      if (script !== undefined && base === undefined) expect(rules?.length).toBeGreaterThan(0);
      for (const rule of rules ?? [])
        expect(rule.if).toMatch(
          /&& \$[A-Z_]+$|^\$CI_PIPELINE_SOURCE == "merge_request_event" \|\|/,
        );
    }
  });

  it("runs once at a time where a schedule or the default branch starts it", () => {
    const rules = jobs.flatMap((job) => job.rules ?? []);
    const isOfMergeRequest = rules.every((rule) => rule.if.includes("merge_request_event"));
    const groups = jobs.flatMap((job) => job.resource_group ?? []);
    expect(groups).toHaveLength(isOfMergeRequest ? 0 : 1);
    for (const group of groups) expect(group).toMatch(/^tidepool-/);
  });
});
