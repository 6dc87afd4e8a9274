import { parseDocument } from "yaml";
import * as z from "zod";

/** Where a project keeps its own wishes, on its default branch. */
export const PROJECT_CONFIG_PATH = ".tidepool.yml";

const Names = (what: string) =>
  z
    .array(z.string().min(1).max(255))
    .max(20)
    .describe(`${what}; replaces what the command line says`);

/** `.tidepool.yml`: what a project may say about the bot's merge request. Every key is optional. */
export const ProjectConfig = z
  .strictObject({
    enabled: z.boolean().describe("false: this project is never touched").optional(),
    layers: z
      .array(z.enum(["ci", "daemon", "runner"]))
      .min(1)
      .describe(
        "which files may be edited: ci (the project's own jobs), daemon (daemon.json), runner (config.toml and its like)",
      )
      .optional(),
    reviewers: Names("User names of reviewers").optional(),
    assignees: Names("User names of assignees").optional(),
    labels: Names("Labels of the merge request").optional(),
    draft: z.boolean().describe("Whether the merge request is opened as a draft").optional(),
    commit_prefix: z
      .string()
      .max(50)
      .regex(/^[^\r\n]*$/)
      .describe("Put before title and commit subject, such as chore(ci):")
      .optional(),
  })
  .meta({
    title: ".tidepool.yml",
    description: "What a project says about the merge request of `tidepool onboard`",
  });
/** What {@link ProjectConfig} reads. */
export type ProjectConfig = z.infer<typeof ProjectConfig>;

const KEYS = Object.keys(ProjectConfig.shape);

/** Reads `.tidepool.yml`, or says in words why it cannot be read. An empty file says nothing, which is fine. */
export function parseProjectConfig(text: string): ProjectConfig | { readonly problem: string } {
  const document = parseDocument(text, { uniqueKeys: true });
  const broken = document.errors[0];
  if (broken) return { problem: broken.message.split("\n")[0] ?? "is no YAML" };
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: 10 }) ?? {};
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
  const result = ProjectConfig.safeParse(data);
  if (result.success) return result.data;
  return { problem: result.error.issues.map(describeIssue).join("; ") };
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") return issue.keys.map(describeUnknown).join("; ");
  const where = issue.path.map(String).join(".");
  return where === "" ? "must be a map of keys and values" : `${where}: ${issue.message}`;
}

function describeUnknown(key: string): string {
  const near = KEYS.map((known) => ({ known, far: distance(key.toLowerCase(), known) }))
    .filter(({ known, far }) => far <= Math.max(2, Math.floor(known.length / 3)))
    .toSorted((a, b) => a.far - b.far)[0];
  const hint = near ? `did you mean "${near.known}"?` : `known keys are ${KEYS.join(", ")}`;
  return `unknown key "${key.slice(0, 50)}": ${hint}`;
}

/** Edits between two words (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 0; i < Math.min(one.length, 50); i += 1) {
    const next = [i + 1];
    for (let j = 0; j < other.length; j += 1) {
      const replace = (row[j] ?? 0) + (other[j] === one[i] ? 0 : 1);
      next.push(Math.min(replace, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
