import { readAnswer, readPages, type Api } from "./api.ts";
import { isGitLabError } from "./errors.ts";
import { Branch, Commit, Comparison, RepositoryFile, TreeEntry } from "./schema.ts";
import type * as z from "zod";

/** A file at a ref, or `null` where the ref or the file is not. */
export async function findFile(
  api: Api,
  projectId: number,
  { path, ref }: { readonly path: string; readonly ref: string },
): Promise<RepositoryFile | null> {
  const request = `GET projects/${projectId}/repository/files/${encodeURIComponent(path)}`;
  try {
    const file = await api.rest.RepositoryFiles.show(projectId, path, ref);
    return readAnswer(request, RepositoryFile, file);
  } catch (error) {
    if (isGitLabError(error, 404)) return null;
    throw error;
  }
}

/** All entries of a tree, in pages by keyset, which stay cheap however large the repository is. */
export function listTree(
  api: Api,
  projectId: number,
  ref: string,
): AsyncGenerator<z.infer<typeof TreeEntry>[]> {
  return readPages(api, {
    path: `projects/${projectId}/repository/tree`,
    query: { ref, recursive: true, pagination: "keyset" },
    item: TreeEntry,
  });
}

/** A branch's head, or `null` where there is no such branch. */
export async function findBranch(
  api: Api,
  projectId: number,
  name: string,
): Promise<Commit | null> {
  const request = `GET projects/${projectId}/repository/branches/${name}`;
  try {
    const branch = await api.rest.Branches.show(projectId, name);
    return readAnswer(request, Branch, branch).commit;
  } catch (error) {
    if (isGitLabError(error, 404)) return null;
    throw error;
  }
}

/** The paths that `to` changed since it left `from`. */
export async function compare(
  api: Api,
  projectId: number,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<z.infer<typeof Comparison>> {
  const request = `GET projects/${projectId}/repository/compare`;
  return readAnswer(request, Comparison, await api.rest.Repositories.compare(projectId, from, to));
}

/** A commit to be made on a branch that starts anew at `base`. */
export interface NewCommit {
  readonly branch: string;
  readonly base: string;
  readonly message: string;
  /** Whether the branch may exist, and is then overwritten; never deleted, for that would close its merge request. */
  readonly force: boolean;
  readonly files: readonly {
    readonly path: string;
    readonly content: string;
    readonly lastCommitId: string;
  }[];
}

/**
 * Makes one commit of several files through the API; all or nothing.
 *
 * `last_commit_id` makes GitLab refuse (400) where a file has changed on the default branch since it was read.
 * Content goes as base64, so that byte order marks and line ends arrive as they are.
 */
export async function createCommit(
  api: Api,
  projectId: number,
  commit: NewCommit,
): Promise<Commit> {
  const actions = commit.files.map(({ path, content, lastCommitId }) => ({
    action: "update" as const,
    filePath: path,
    content: Buffer.from(content, "utf8").toString("base64"),
    encoding: "base64" as const,
    lastCommitId,
  }));
  const options = { startSha: commit.base, ...(commit.force ? { force: true } : {}) };
  const { branch, message } = commit;
  const made = await api.rest.Commits.create(projectId, branch, message, actions, options);
  return readAnswer(`POST projects/${projectId}/repository/commits`, Commit, made);
}
