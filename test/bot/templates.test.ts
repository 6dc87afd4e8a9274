import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Command } from "../../bot/commands/command.ts";
import { onboard } from "../../bot/commands/onboard.ts";
import { report } from "../../bot/commands/report.ts";
import { verify } from "../../bot/commands/verify.ts";
import { must } from "./verify/world.ts";

const FOLDER = new URL("../../templates/", import.meta.url);
const COMMANDS: Readonly<Record<string, Command>> = { onboard, report, verify };

interface Spec {
  readonly spec: {
    readonly inputs: Readonly<
      Record<string, { description?: string; default?: string | number | boolean; regex?: string }>
    >;
  };
}

interface Job {
  readonly image: string;
  readonly script: readonly string[];
  readonly rules: readonly { readonly if: string }[];
  readonly resource_group?: string;
}

const files = readdirSync(FOLDER).map((name) => {
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
  it("is two documents, a specification and one job, without an error", () => {
    expect(errors).toEqual([]);
    expect(jobs).toHaveLength(1);
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

  it("calls a command that there is, with flags it has", () => {
    const script = jobs.flatMap(({ script }) => script).join("\n");
    const command = COMMANDS[/bot\/cli\.ts (\w+)/.exec(script)?.[1] ?? ""];
    const flags = [...script.matchAll(/ --([a-z][a-z-]*)/g)].map(([, name]) => name);
    expect(flags.length).toBeGreaterThan(0);
    for (const flag of flags) expect(Object.keys(command?.options ?? {})).toContain(flag);
  });

  it("pins what it runs, and takes no part in a pipeline without a token", () => {
    expect(inputs["image"]?.default).toMatch(/^node:\d+\.\d+\.\d+/);
    expect(text).not.toMatch(/npx|~latest|:latest/);
    for (const { rules } of jobs)
      for (const rule of rules) expect(rule.if).toContain("&& $GITLAB_TOKEN");
  });

  it("runs once at a time where a schedule starts it", () => {
    for (const { rules, resource_group: group } of jobs)
      if (rules.some((rule) => rule.if.includes('"schedule"'))) expect(group).toMatch(/^tidepool-/);
  });
});
