/**
 * GitLab's answers, as far as the bot reads them: only the fields used, in our spelling.
 *
 * Fields that older versions or lesser roles leave out are optional here, with the value that means "not so".
 *
 * @module
 */
import * as z from "zod";

/** A list of foreign data of which the unreadable elements are left out. */
function looseArray<Item extends z.ZodType>(item: Item) {
  return z
    .array(z.unknown())
    .catch([])
    .transform((elements) =>
      elements.flatMap((element) => {
        const result = item.safeParse(element);
        return result.success ? [result.data] : [];
      }),
    );
}

const Access = z.object({ access_level: z.number() }).nullish();

/** A project: what decides whether it is for us, and where its CI configuration is. */
export const Project = z
  .object({
    id: z.number(),
    path_with_namespace: z.string(),
    web_url: z.string(),
    default_branch: z.string().nullish(),
    empty_repo: z.boolean().default(false),
    archived: z.boolean().default(false),
    mirror: z.boolean().default(false),
    marked_for_deletion_on: z.string().nullish(),
    merge_requests_access_level: z.string().default("enabled"),
    repository_access_level: z.string().default("enabled"),
    topics: looseArray(z.string()).default([]),
    ci_config_path: z.string().nullish(),
    permissions: z.object({ project_access: Access, group_access: Access }).nullish(),
  })
  .transform((project) => ({
    id: project.id,
    path: project.path_with_namespace,
    webUrl: project.web_url,
    defaultBranch: project.default_branch ?? null,
    isEmpty: project.empty_repo,
    isArchived: project.archived,
    isMirror: project.mirror,
    isBeingDeleted: (project.marked_for_deletion_on ?? null) !== null,
    hasMergeRequests: project.merge_requests_access_level !== "disabled",
    hasRepository: project.repository_access_level !== "disabled",
    topics: project.topics,
    ciConfigPath: project.ci_config_path ?? "",
    /** Highest of own and group access; `null` where the answer does not tell. */
    role: project.permissions
      ? Math.max(
          project.permissions.project_access?.access_level ?? 0,
          project.permissions.group_access?.access_level ?? 0,
        )
      : null,
  }));
/** What {@link Project} reads. */
export type Project = z.infer<typeof Project>;

/** The one field of a project's membership that counts. */
export const Member = z.object({ access_level: z.number() });

/** A project's number, from a list that is asked for nothing else. */
export const ProjectId = z.object({ id: z.number() });

/** An account. */
export const User = z.object({ id: z.number(), username: z.string() });
/** What {@link User} reads. */
export type User = z.infer<typeof User>;

/** The token in use. `scopes` is foreign to nobody but may grow. */
export const Token = z
  .object({
    name: z.string(),
    scopes: looseArray(z.string()),
    expires_at: z.string().nullish(),
    revoked: z.boolean().default(false),
  })
  .transform(({ expires_at: expiresAt, ...token }) => ({ ...token, expiresAt: expiresAt ?? null }));
/** What {@link Token} reads. */
export type Token = z.infer<typeof Token>;

/** An entry of a repository's tree; submodules are `commit`. */
export const TreeEntry = z.object({
  path: z.string(),
  type: z.string(),
  /** `120000` is a symbolic link, whose content is a path. */
  mode: z.string().default("100644"),
});

/** A file at one commit. */
export const RepositoryFile = z
  .object({
    content: z.string(),
    encoding: z.string(),
    commit_id: z.string(),
    last_commit_id: z.string(),
  })
  .transform((file) => ({
    bytes: Buffer.from(file.content, file.encoding === "base64" ? "base64" : "utf8"),
    /** The commit that the ref named when the file was read. */
    commitId: file.commit_id,
    /** The last commit that changed the file. */
    lastCommitId: file.last_commit_id,
  }));
/** What {@link RepositoryFile} reads. */
export type RepositoryFile = z.infer<typeof RepositoryFile>;

/** A commit: its place and its message. */
export const Commit = z
  .object({ id: z.string(), message: z.string(), parent_ids: z.array(z.string()).default([]) })
  .transform(({ id, message, parent_ids: parents }) => ({ sha: id, message, parents }));
/** What {@link Commit} reads. */
export type Commit = z.infer<typeof Commit>;

/** A branch and its head. */
export const Branch = z.object({ name: z.string(), commit: Commit });

/** The paths that differ between two commits. */
export const Comparison = z.object({
  diffs: z.array(z.object({ old_path: z.string(), new_path: z.string() })),
});

/** A merge request. `state` is text: GitLab may add to `opened`, `closed`, `locked`, `merged`. */
export const MergeRequest = z
  .object({
    iid: z.number(),
    title: z.string(),
    description: z.string().nullish(),
    state: z.string(),
    web_url: z.string(),
    sha: z.string().nullish(),
    source_project_id: z.number().nullish(),
    target_branch: z.string(),
    has_conflicts: z.boolean().default(false),
  })
  .transform((merge) => ({
    iid: merge.iid,
    title: merge.title,
    description: merge.description ?? "",
    state: merge.state,
    webUrl: merge.web_url,
    sha: merge.sha ?? null,
    sourceProjectId: merge.source_project_id ?? null,
    targetBranch: merge.target_branch,
    hasConflicts: merge.has_conflicts,
  }));
/** What {@link MergeRequest} reads. */
export type MergeRequest = z.infer<typeof MergeRequest>;

/** A comment. */
export const Note = z.object({
  id: z.number(),
  body: z.string(),
  author: z.object({ id: z.number() }),
  system: z.boolean().default(false),
});
/** What {@link Note} reads. */
export type Note = z.infer<typeof Note>;

/** The linter's verdict. */
export const LintResult = z.object({
  valid: z.boolean(),
  errors: looseArray(z.string()).default([]),
  merged_yaml: z.string().nullish(),
});
/** What {@link LintResult} reads. */
export type LintResult = z.infer<typeof LintResult>;
