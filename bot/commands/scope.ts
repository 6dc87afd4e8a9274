import { UsageError } from "../errors.ts";
import type { Scope } from "../proof/survey.ts";
import { type CommandArguments, textFlag } from "./command.ts";

const MAX_DAYS = 90;

/** Reads `--project` or `--group`, exactly one of which must be given. */
export function readScope(args: CommandArguments): Scope {
  const project = pathFlag(args, "project");
  const group = pathFlag(args, "group");
  if ((project === "") === (group === ""))
    throw new UsageError("say which projects: either --project G/P or --group G");
  return project === "" ? { kind: "group", path: group } : { kind: "project", path: project };
}

/** A project's or group's path without slashes at its ends; empty where the flag is not given. */
export function pathFlag(args: CommandArguments, name: string): string {
  return textFlag(args, name)?.replaceAll(/^\/+|\/+$/g, "") ?? "";
}

/** Reads `--since`, in days. */
export function readDays(args: CommandArguments, fallback: string): number {
  const given = textFlag(args, "since") ?? fallback;
  const days = Number(/^(\d{1,3})d$/.exec(given)?.[1] ?? Number.NaN);
  if (!(days >= 1 && days <= MAX_DAYS))
    throw new UsageError(`--since takes days from 1d to ${MAX_DAYS}d, not "${given}"`);
  return days;
}
