import { parseAllDocuments } from "yaml";
import { requireRole } from "../access.ts";
import type { Commit } from "../git.ts";
import { flag, notFound, ok, requireText } from "../http.ts";
import type { Context, Reply, Route } from "../http.ts";
import { ROLE, type Project } from "../model.ts";
import { codeProject } from "./repository.ts";

const PATH = "/projects/:id/ci/lint";

/** CI lint of what is committed (GET) and of what is proposed (POST). Both ask for Developer (doc/api/lint.md). */
export const LINT_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: PATH,
    handle: (context) => {
      const project = lintProject(context);
      const ref =
        context.query.get("content_ref") ?? context.query.get("sha") ?? project.defaultBranch;
      const commit = project.repository.resolve(ref);
      if (!commit) throw notFound("Reference");
      const path = project.ciConfigPath ?? ".gitlab-ci.yml";
      const file = commit.files.get(path);
      if (!file) return verdict(project, ["Please provide content of .gitlab-ci.yml"]);
      return lint(project, commit, file.content.toString());
    },
  },
  {
    method: "POST",
    path: PATH,
    handle: (context) => {
      const project = lintProject(context);
      const content = requireText(context, "content");
      const commit = project.repository.resolve(project.defaultBranch);
      const reply = lint(project, commit, content);
      if (context.body["include_jobs"] === true || flag(context, "include_jobs") === true) {
        return ok({ ...(reply.json as object), jobs: [] });
      }
      return reply;
    },
  },
];

function lintProject(context: Context): Project {
  const project = codeProject(context);
  requireRole(context.world, context.actor, [project, ROLE.developer]);
  return project;
}

function verdict(project: Project, errors: readonly string[], merged = ""): Reply {
  return ok({
    valid: errors.length === 0,
    errors,
    warnings: [],
    merged_yaml: merged,
    includes: [],
    project: project.path,
  });
}

/**
 * Enough of GitLab's linter to be wrong for the same reasons: syntax, missing local includes, services of the
 * wrong shape, no visible job. Words as in lib/gitlab/ci/config.
 */
function lint(project: Project, commit: Commit | null, content: string): Reply {
  if (project.lintErrors !== null) return verdict(project, project.lintErrors);
  const errors: string[] = [];
  const config = load(content, errors);
  const merged: Record<string, unknown> = {};
  for (const path of localIncludes(config)) {
    const found = [...(commit?.files.keys() ?? [])].filter((one) => matches(path, one));
    if (found.length === 0) errors.push(`Local file \`${path}\` does not exist!`);
    for (const one of found) {
      const text = commit?.files.get(one)?.content.toString() ?? "";
      Object.assign(merged, load(text, errors));
    }
  }
  Object.assign(merged, config);
  for (const [name, job] of Object.entries(merged)) errors.push(...jobErrors(name, job));
  const jobs = Object.entries(merged).filter(([name, job]) => isJob(name, job));
  if (errors.length === 0 && jobs.length === 0) {
    errors.push("jobs config should contain at least one visible job");
  }
  return verdict(project, errors, content);
}

function load(content: string, errors: string[]): Record<string, unknown> {
  const documents = parseAllDocuments(content, {
    merge: true,
    uniqueKeys: false,
    customTags: [{ tag: "!reference", collection: "seq", identify: () => false }],
  });
  const list = "empty" in documents ? [] : [...documents];
  const broken = list.flatMap((document) => document.errors)[0];
  if (broken) {
    errors.push(`Invalid configuration format: ${broken.message.split("\n")[0] ?? ""}`);
    return {};
  }
  const data: unknown = list.at(-1)?.toJS();
  return typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
}

function localIncludes(config: Record<string, unknown>): string[] {
  const include: unknown = config["include"];
  const items: unknown[] = Array.isArray(include) ? include : [include];
  return items.flatMap((item) => {
    if (typeof item === "string") return /^https?:/.test(item) ? [] : [item];
    const local: unknown = (item as { local?: unknown } | null | undefined)?.local;
    return typeof local === "string" ? [local] : [];
  });
}

function matches(pattern: string, path: string): boolean {
  const body = pattern
    .replace(/^\//, "")
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("**", "\0")
    .replaceAll("*", "[^/]*")
    .replaceAll("\0", ".*");
  return new RegExp(`^${body}$`).test(path);
}

const KEYWORDS = new Set([
  "default",
  "include",
  "stages",
  "variables",
  "workflow",
  "spec",
  "image",
  "services",
  "cache",
  "before_script",
  "after_script",
  "pages",
]);

function isJob(name: string, job: unknown): job is Record<string, unknown> {
  const hidden = name.startsWith(".") || KEYWORDS.has(name);
  return !hidden && typeof job === "object" && job !== null && !Array.isArray(job);
}

function jobErrors(name: string, job: unknown): string[] {
  if (name === "services") return servicesErrors("services", job);
  if (typeof job !== "object" || job === null) {
    return KEYWORDS.has(name) || name.startsWith(".")
      ? []
      : [`jobs:${name} config should be a hash`];
  }
  const errors = servicesErrors(`jobs:${name}:services`, (job as { services?: unknown }).services);
  const runs = ["script", "trigger", "extends", "run"].some((key) => key in job);
  if (isJob(name, job) && !runs) {
    errors.push(`jobs:${name} config should implement the script:, run:, or trigger: keyword`);
  }
  return errors;
}

function servicesErrors(place: string, services: unknown): string[] {
  if (services === undefined) return [];
  if (!Array.isArray(services)) return [`${place} config should be an array`];
  return services.flatMap((service: unknown) => {
    if (typeof service === "string" || Array.isArray(service)) return [];
    const { name, command } = (service ?? {}) as { name?: unknown; command?: unknown };
    if (typeof name !== "string") return [`${place}:service config should be a hash or a string`];
    const list = typeof command === "string" ? [command] : (command ?? []);
    const strings = Array.isArray(list) && list.every((word) => typeof word === "string");
    return strings ? [] : [`${place}:service command should be an array of strings`];
  });
}
